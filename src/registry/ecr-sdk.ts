/**
 * What is used of the AWS SDK for ECR: loaded on demand as a file of its own, since in the bundle a package that is
 * imported on demand has a default export only.
 */
export { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
export {
  ECRPUBLICClient,
  GetAuthorizationTokenCommand as GetPublicAuthorizationTokenCommand,
} from '@aws-sdk/client-ecr-public';
