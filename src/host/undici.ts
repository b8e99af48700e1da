/** What is used of undici: loaded on demand as a file of its own, see `registry/ecr-sdk.ts`. */
export { Agent, fetch, ProxyAgent } from 'undici';
