"""Privileges of the two ClickHouse users: one list for the embedded engine and for a server.

`configuration.py` renders it for the engine, `deploy/clickhouse_users.py` for the server of the
compose files. Everything else is refused. `statement_policy.py` covers what needs no grant.
"""

from __future__ import annotations

from collections.abc import Mapping

OF_DATABASE = (
    *("SELECT", "INSERT", "SHOW", "CREATE DATABASE", "CREATE TABLE", "CREATE VIEW"),
    *("DROP DATABASE", "DROP TABLE", "DROP VIEW", "TRUNCATE", "OPTIMIZE", "CHECK", "BACKUP"),
    *("ALTER COLUMN", "ALTER INDEX", "ALTER SETTINGS", "ALTER UPDATE", "ALTER DELETE"),
)
"""The writer's privileges on its database: for migrations, pipelines and backups."""
TABLE_ENGINES = ("MergeTree", "ReplacingMergeTree", "AggregatingMergeTree", "Memory")
CLUSTER_TABLE_ENGINES = (
    *(f"Replicated{name}" for name in TABLE_ENGINES if name.endswith("MergeTree")),
    "Distributed",
)
DATABASE_ENGINES = ("Atomic",)
SYSTEM_TABLES = (
    *("one", "numbers", "settings", "functions", "table_functions", "data_type_families"),
    *("formats", "time_zones", "databases", "tables", "columns", "parts", "disks", "metrics"),
    *("asynchronous_metrics", "events", "merges"),
)
"""System tables that clients and panels read; none of them shows other users' queries."""
TABLE_FUNCTIONS = frozenset(
    {
        *("numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generaterandom"),
        *("generateseries", "generate_series", "values", "sqlstandardvalues", "null", "input"),
        *("view", "viewexplain", "viewifpermitted", "format"),
    }
)
"""Table functions that read only the statement and its tables. In lower case."""
FUNCTION_CATEGORIES = frozenset(
    {
        *("Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison"),
        *("Conditional", "Dates and Times", "Distance", "Encoding", "Encryption", "Financial"),
        *("Geo", "Geo Polygon", "Hash", "IP Address", "JSON", "Logical", "Machine Learning"),
        *("Map", "Mathematical", "Null", "NumericIndexedVector", "QBit", "Random Number"),
        *("Rounding", "String", "String Replacement", "String Search", "String Splitting"),
        *("Time Series", "Time Window", "Tuple", "Type Conversion", "URL", "UUID"),
    }
)
"""The engine's own categories, without AI, Dictionary, Internal and Introspection."""
OTHER_FUNCTIONS = frozenset(
    """
    SVG array_concat_agg authenticatedUser bar
    blockNumber blockSerializedSize blockSize buildId byteSize
    caseWithExpression countDigits connectionId colorOKLABToSRGB colorOKLCHToSRGB
    colorSRGBToOKLAB colorSRGBToOKLCH currentDatabase currentProfiles currentQueryID
    currentRoles currentSchemas currentUser defaultProfiles defaultRoles
    defaultValueOfArgumentType defaultValueOfTypeName digits displayName dumpColumnStructure
    enabledProfiles enabledRoles errorCodeToName finalizeAggregation flipCoordinates formatQuery
    formatQueryOrNull formatQuerySingleLine formatQuerySingleLineOrNull
    formatReadableDecimalSize formatReadableQuantity formatReadableSize formatReadableTimeDelta
    generateSerialID getMaxTableNameLengthForDatabase getMergeTreeSetting getSetting
    getSettingOrDefault getSizeOfEnumType getSubcolumn getTypeSerializationStreams
    globalVariable highlightQuery hostName identity ignore indexHint initialQueryID
    initialQueryStartTime initializeAggregation isConstant isDecimalOverflow
    lowCardinalityIndices lowCardinalityKeys MACNumToString MACStringToNum MACStringToOUI
    materialize minSampleSizeContinuous minSampleSizeConversion neighbor nested normalizeQuery
    normalizeQueryKeepNames normalizedQueryHash normalizedQueryHashKeepNames
    parseISO8601Duration parseReadableSize parseReadableSizeOrNull parseReadableSizeOrZero
    parseTimeDelta partitionId pgGetUserById pgTableIsVisible queryID revision
    rowNumberInAllBlocks rowNumberInBlock runningAccumulate runningConcurrency runningDifference
    runningDifferenceStartingWithFirstValue serverUUID shardCount shardNum sleep sleepEachRow
    tcpPort throwIf tid toColumnTypeName toTypeName tokenizeQuery transactionID transform uptime
    variantElement variantType version visibleWidth
    """.split()  # noqa: SIM905 # a list of words
)
"""Allowed functions of the engine's category Other, which also has `file`, `showCertificate`."""
READER_SETTINGS = frozenset(
    {
        *("log_comment", "session_timezone", "date_time_input_format", "date_time_output_format"),
        *("extremes", "final", "join_use_nulls", "max_block_size", "max_threads"),
        *("max_bytes_to_read", "max_result_bytes", "result_overflow_mode", "use_query_cache"),
        *("do_not_merge_across_partitions_select_final", "select_sequential_consistency"),
        *("output_format_json_quote_64bit_integers", "output_format_json_quote_64bit_floats"),
        *("output_format_json_quote_decimals", "output_format_json_quote_denormals"),
        *("output_format_json_escape_forward_slashes", "output_format_json_array_of_rows"),
        *("output_format_json_named_tuples_as_objects", "output_format_write_statistics"),
        *("output_format_native_write_json_as_string", "output_format_pretty_max_rows"),
        *("output_format_arrow_string_as_string", "output_format_parquet_string_as_string"),
        *("output_format_csv_crlf_end_of_line", "output_format_decimal_trailing_zeros"),
        *("format_csv_delimiter", "format_csv_null_representation"),
        *("cancel_http_readonly_queries_on_client_close", "enable_http_compression"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
    }
)
"""Settings that a reader may change: the format of an answer. It may only lower its limits."""
READER_LIMITS = ("max_memory_usage", "max_execution_time", "max_rows_to_read", "max_result_rows")
# None of them names a file, a disk or an address, or turns on how `VALUES` evaluates expressions.
WRITER_SETTINGS = frozenset(
    {
        *READER_LIMITS,
        *("readonly", "async_insert", "wait_for_async_insert", "insert_deduplicate"),
        *("deduplicate_insert", "insert_quorum", "insert_quorum_parallel", "max_insert_threads"),
        *("max_partitions_per_insert_block", "max_insert_block_size", "optimize_on_insert"),
        *("max_bytes_before_external_group_by", "max_bytes_before_external_sort"),
        *("distributed_foreground_insert", "mutations_sync", "alter_sync"),
        *("lightweight_deletes_sync", "max_concurrent_queries_for_user", "log_queries"),
        *("input_format_null_as_default", "input_format_skip_unknown_fields"),
        "cast_string_to_dynamic_use_inference",  # clickhouse-connect sends it
        # Settings of tables.
        *("index_granularity", "min_compress_block_size", "max_compress_block_size"),
        *("old_parts_lifetime", "cleanup_delay_period", "max_cleanup_delay_period"),
        *("cleanup_delay_period_random_add", "fsync_after_insert", "fsync_part_directory"),
        *("min_compressed_bytes_to_fsync_after_merge", "min_rows_to_fsync_after_merge"),
        *("replicated_deduplication_window", "non_replicated_deduplication_window"),
    }
)


def writer_grants(*, database: str, system: bool, cluster: bool = False) -> list[str]:
    """The writer's grants. `system`: its tables need grants of their own."""
    engines = (*TABLE_ENGINES, *(CLUSTER_TABLE_ENGINES if cluster else ()))
    return [
        f"GRANT {', '.join(OF_DATABASE)} ON {database}.*",
        "GRANT " + ", ".join(f"TABLE ENGINE ON {name}" for name in engines),
        # The disk of backups, and no other (`backups.allowed_disk`).
        "GRANT READ, WRITE ON DISK",
        *([_system_tables()] if system else []),
        *(["GRANT CLUSTER ON *.*", "GRANT READ, WRITE ON REMOTE"] if cluster else []),
    ]


def reader_grants(*, database: str) -> list[str]:
    return [f"GRANT SELECT ON {database}.*", _system_tables()]


def refused_functions(functions: Mapping[str, tuple[str, str]]) -> frozenset[str]:
    """The engine's functions that no user may call.

    Args:
        functions: category and what it is an alias of, by name, as in `system.functions`.
    """
    return frozenset(name for name in functions if not _may_call(name, functions))


def _may_call(name: str, functions: Mapping[str, tuple[str, str]]) -> bool:
    category, alias_to = functions[name]
    if alias_to in functions and alias_to != name:
        return _may_call(alias_to, functions)
    return category in FUNCTION_CATEGORIES or name in OTHER_FUNCTIONS


def _system_tables() -> str:
    return "GRANT " + ", ".join(f"SELECT ON system.{name}" for name in SYSTEM_TABLES)
