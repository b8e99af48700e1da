/** What is used of the YAML parser: loaded on demand as a file of its own, see `registry/ecr-sdk.ts`. */
export { LineCounter, parseAllDocuments } from 'yaml';
