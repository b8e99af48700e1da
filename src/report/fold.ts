import { displayWidth } from './format.ts';

/** Words in lines of at most so many columns; a longer word stays whole. */
function foldWords(words: readonly string[], columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + 1 + displayWidth(word) <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A text behind a head, its further lines below its first one: `head  the text ...`. */
export function hanging(head: string, text: string, columns: number): readonly string[] {
  return hangingWords(head, text.split(' '), columns);
}

/** The same for things with commas between them, each of which stays whole. */
export function hangingList(head: string, items: readonly string[], columns: number): readonly string[] {
  const words = items.map((item, index) => (index < items.length - 1 ? `${item},` : item));
  return hangingWords(head, words, columns);
}

function hangingWords(head: string, words: readonly string[], columns: number): readonly string[] {
  const indent = displayWidth(head);
  return foldWords(words, Math.max(20, columns - indent)).map(
    (line, index) => `${index === 0 ? head : ' '.repeat(indent)}${line}`,
  );
}
