/** Keys that a test of a page showed in place of a text, because it was not loaded. */
export const missingTexts = new Set<string>();
