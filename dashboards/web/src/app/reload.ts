/**
 * Reloads the page when one of its scripts does not load, as in a tab that was open during an
 * upgrade: once by itself per build, then only on request. A page that the server could not send
 * again is never given up.
 */

interface Options {
  readonly storage: Pick<Storage, 'getItem' | 'setItem'>;
  readonly fetch: typeof globalThis.fetch;
  readonly reload: () => void;
  /** Names the running build. */
  readonly build: string;
}

const KEY = 'dialytics.reloaded';

export class PageReloader {
  constructor(private readonly options: Options) {}

  /** Reload unless this build was reloaded before, or the server does not answer. */
  readonly once = async (): Promise<void> => {
    const { storage, build } = this.options;
    if (storage.getItem(KEY) === build || !(await this.#serverAnswers())) return;
    storage.setItem(KEY, build);
    this.options.reload();
  };

  /** Reload if the server answers; tells whether it does. */
  readonly now = async (): Promise<boolean> => {
    const answers = await this.#serverAnswers();
    if (answers) this.options.reload();
    return answers;
  };

  async #serverAnswers(): Promise<boolean> {
    try {
      return (await this.options.fetch('/', { method: 'HEAD', cache: 'no-store' })).ok;
    } catch {
      // No answer at all: what is on the screen is all there is.
      return false;
    }
  }
}
