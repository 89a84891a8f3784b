"""The answer arrives whole: Markdown as Telegram's text and entities."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.formatting.render import (
    MessagePart,
    render,
    utf16_length,
    without_entities,
)
from tests.bot.telegram.markdown_reference import check_whole
from tests.conftest import PROJECT

INSTALLED = (
    *(PROJECT / ".venv" / "lib").glob("python*/site-packages"),
    PROJECT / "dashboards" / "web" / "node_modules",
)
FENCE = "```"


def readmes() -> list[Path]:
    """Every README of an installed package."""
    found = chain.from_iterable(folder.rglob("README*") for folder in INSTALLED)
    return sorted(path for path in found if path.suffix.lower() in {"", ".md"} and path.is_file())


def whole(markdown: str) -> str:
    return "\n".join(part.text for part in render(markdown))


def marked(markdown: str) -> list[tuple[str, str]]:
    """The text covered by each entity of the only part."""
    [part] = render(markdown)
    return [(entity.type, entity.extract_from(part.text)) for entity in part.entities]


def check_parts(parts: list[MessagePart], *, limit: int = 4096) -> None:
    for part in parts:
        assert part.text.strip()
        assert utf16_length(part.text) <= limit
        assert len(part.entities) < 100
        starts_inside_a_pair = {
            utf16_length(part.text[:position]) + 1
            for position, character in enumerate(part.text)
            if ord(character) > 0xFFFF
        }
        code = [entity for entity in part.entities if entity.type in ("code", "pre")]
        for entity in part.entities:
            end = entity.offset + entity.length
            assert 0 <= entity.offset < end <= utf16_length(part.text)
            assert not {entity.offset, end} & starts_inside_a_pair
            for other in code:
                if other is not entity and entity.type not in (
                    "blockquote",
                    "expandable_blockquote",
                ):
                    assert end <= other.offset or other.offset + other.length <= entity.offset


# Whole


@pytest.mark.parametrize(
    "text",
    [
        "git clone <url> && cd <folder>",
        "List<String>",
        "ssh <user>@<host>",
        "a<b and c>d",
        "a || b || c",
        "if (a||b||c)",
        "test ||or|| this",
        "$BAZ:$C",
        "it costs $5 and $6",
        "from $5 (or $7) up to $10-$12, or US$5/US$6",
        "echo $HOME/$USER$SHELL",
        "<p>a paragraph</p>",
        "<config>\n  <a b='c'/>\n</config>",
        "<!-- a comment -->",
        "https://example.com/_a_b_/*c*?d=__e__",
        "[Warning]: stop",
    ],
)  # fmt: skip
def test_no_text_is_parsed_as_markup(text: str):
    spoiler = "||or||" in text
    assert whole(text) == (text.replace("||", "") if spoiler else text)


@pytest.mark.no_cover  # other tests run every line that it runs, in a tenth of the time
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
def test_readmes_of_installed_packages_arrive_whole(every: int):
    # One test: to list them while tests are collected takes a second in each process that does so.
    paths = readmes()[::every]
    assert paths
    for path in paths:
        markdown = path.read_text(errors="replace").replace("\x00", "")
        try:
            parts = render(markdown)
            check_parts(parts)
            check_whole(markdown, parts)
        except Exception as error:
            error.add_note(f"of {path}")
            raise


WORDS = st.sampled_from(
    ["alpha", "beta 7 gamma", "Слово и ещё", "中文 字", "x1 y2 z3 " * 5, "😀 smile", "I", "a_b_c d"]
)
ODD = st.sampled_from(
    ["<b>", "</div>", "<T>", "a<b", "||", "a||b", "$", "$5", "$A:$B", "\\", "&lt;", "&eacute;",
     "*", "**", "_", "~~", "`", "``", "[", "]", "](", "!", "<!-- c -->", "\\[", "\\(x\\)", "\t",
     "[1]", "|", "#", ">", "-", "1.", "https://a.bc/_d_", "😀", "\r\n", "  \n"]
)  # fmt: skip
INLINE = (
    "{0}{1}", "{0} {1}", "{0}\n{1}", "**{0}** {1}", "_{0}_{1}", "~~{0}~~", "`{0}`", "||{0}||",
    "[{0}](https://site.example/_{1}_)", "[{0}](docs/page.md)", "![{0}](https://site.example/a.png)",
)  # fmt: skip
BLOCKS = (
    "{0}\n\n{1}", "{0}\n{1}", "# {0}", "```python\n{0}\n  {1}\n```", "    {0}", "---",
    "| {0} | b |\n|---|---|\n| {1} | x | {0} |", "<div>\n{0}\n</div>", "[{0}]: https://site.example",
)  # fmt: skip
CONTAINERS = (("- ", "  "), ("1. ", "   "), ("- [x] ", "  "), ("> ", "> "))


@st.composite
def markdowns(draw: st.DrawFn, depth: int = 3) -> str:
    """Blocks in lists and quotes, with markup in them, whole and broken."""
    if depth and draw(st.booleans()):
        first, indent = draw(st.sampled_from(CONTAINERS))
        inner = draw(markdowns(depth - 1))
        return first + inner.replace("\n", "\n" + indent) + "\n\n" + draw(markdowns(0))
    return draw(st.sampled_from(BLOCKS)).format(draw(inlines()), draw(inlines()))


@st.composite
def inlines(draw: st.DrawFn, depth: int = 2) -> str:
    if not depth or draw(st.booleans()):
        return draw(WORDS | ODD)
    return draw(st.sampled_from(INLINE)).format(draw(inlines(depth - 1)), draw(inlines(depth - 1)))


@given(markdowns())
@settings(max_examples=150)
def test_generated_markdown_arrives_whole(markdown: str):
    parts = render(markdown)
    check_parts(parts)
    check_whole(markdown, parts)


@given(markdowns(), st.integers(min_value=8, max_value=200))
@settings(max_examples=60)
def test_short_parts_are_valid_too(markdown: str, limit: int):
    check_parts(render(markdown, limit=limit), limit=limit)


@pytest.mark.parametrize(
    "markdown",
    ["> " * 200 + "deep", "- " * 200 + "deep", "*" * 500 + "deep", "[" * 5000 + "deep"],
)
def test_blocks_nested_too_deeply_are_kept_as_text(markdown: str):
    assert whole(markdown).endswith("deep")


def test_cells_beyond_the_header_of_a_table_are_kept():
    assert whole("| a | b |\n|---|---|\n| 1 | 2 | three |\n").split("\n")[2] == "1 | 2 | three"


# Entities


def test_a_part_ends_before_its_hundredth_entity():
    links = "\n".join(f"[link {number}](https://site.example/{number})" for number in range(250))
    parts = render(links)

    check_parts(parts)
    assert len(parts) == 3
    urls = [entity.url for part in parts for entity in part.entities]
    assert urls == [f"https://site.example/{number}" for number in range(250)]


def test_a_link_that_telegram_would_refuse_is_written_out():
    [part] = render("[guide](docs/a.md), [top](#top), [mail](mailto:a@b.cc), [local](http://local)")
    assert part.text == (
        "guide (docs/a.md), top (#top), mail (mailto:a@b.cc), local (http://local)"
    )
    assert part.entities == ()


def test_links_keep_their_target_in_tables_pictures_and_code():
    table = "| name | link |\n|---|---|\n| a | [b](https://a.bc) |"
    assert marked(table) == [("text_link", "b")]
    assert marked("![a cat](https://a.bc/cat.png)") == [("text_link", "🖼 a cat")]
    assert marked("[`code`](https://a.bc)") == [("text_link", "code")]
    assert marked("[![logo](https://a.bc/x.png)](https://d.ef)") == [("text_link", "🖼 logo")]


def test_code_holds_no_other_entity():
    assert marked("**bold `code` bold**") == [
        ("bold", "bold "), ("code", "code"), ("bold", " bold")
    ]  # fmt: skip


def test_plain_text_in_place_of_refused_entities_keeps_the_targets():
    [part] = render("😀 see [here](https://a.bc) and **there**")
    [plain] = without_entities(part)
    assert plain == MessagePart("😀 see here (https://a.bc) and there")


def test_a_spoiler_is_hidden_and_a_double_pipe_is_not():
    assert marked("the end: ||he **lives**||!") == [("spoiler", "he lives"), ("bold", "lives")]
    assert marked("a || b || c") == []
    assert marked("`a ||b|| c`") == [("code", "a ||b|| c")]


def test_a_folded_answer_is_one_quote():
    [part] = render("Thinking about **it**\n\n> a quote", is_folded=True)
    assert [entity.type for entity in part.entities] == ["expandable_blockquote", "bold"]
    assert part.entities[0].extract_from(part.text) == part.text


# Formulas


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("$E=mc^2$", "E=mc²"),
        (r"\(E=mc^2\)", "E=mc²"),
        ("$$E=mc^2$$", "E=mc²"),
        (r"\[E=mc^2\]", "E=mc²"),
        ("$$\nE = mc^2\n$$", "E = mc²"),
        ("\\[\na = b \\\\\n- c\n\\]", "a = b\n- c"),
        (r"so $x$ and \(y\)", "so x and y"),
        (r"$\frac{1}{2}$ and $\beta \leq \pi_1$", "½ and β ≤ π₁"),
        (r"$\text{if } x > 0$", "if  x > 0"),
        ("`$x^2$` and `\\(y\\)`", "$x^2$ and \\(y\\)"),
        (r"\[note\] and \(see below\)", "[note] and (see below)"),
        (r"\$5 \$6", "$5 $6"),
        ("$name$ and $$", "$name$ and $$"),
    ],
)
def test_a_formula_is_rendered_and_what_is_none_is_left(markdown: str, text: str):
    assert whole(markdown) == text


def test_a_formula_is_shown_as_code_also_in_a_table():
    assert marked("it is $x^2$") == [("code", "x²")]
    assert marked("$$\nx^2\n$$") == [("pre", "x²")]
    table = f"| a | b |\n|---|---|\n| $x^2$ | \\({'y'}\\) |"
    assert whole(table).split("\n")[-1] == "x² | y"


# Lists


def test_lists_keep_their_indent_numbers_and_boxes():
    markdown = """\
1. one
   - inner
     - [x] done
     - [ ] todo
2. two
   ```sh
   ls
     -l
   ```
   more
10. ten
    1. deep
"""
    assert whole(markdown).split("\n") == [
        "1. one",
        "   • inner",
        "     ☑ done",
        "     ☐ todo",
        "2. two",
        "ls",
        "  -l",
        "   more",
        "10. ten",
        "    1. deep",
    ]
    assert marked(markdown) == [("pre", "ls\n  -l")]


def test_items_that_all_have_the_same_number_are_counted():
    assert whole("1. a\n1. b\n1. c") == "1. a\n2. b\n3. c"


def test_a_part_does_not_begin_with_the_indent_of_its_line():
    code = "\n".join(f"def f{number}():\n    return {number}" for number in range(100))
    for part in render(f"{FENCE}python\n{code}\n{FENCE}", limit=300):
        assert part.text.startswith("def")
