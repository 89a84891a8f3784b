/** The two parts of a file of texts, as build/texts.ts divides it. */

declare module '*.json?first' {
  const texts: object;
  export default texts;
}

declare module '*.json?rest' {
  const texts: object;
  export default texts;
}
