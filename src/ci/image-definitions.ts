/** A container of a task definition, and the image that it is to run. */
export interface ContainerImage {
  readonly name: string;
  readonly imageUri: string;
}

/**
 * The content of `imagedefinitions.json`, which CodePipeline's Amazon ECS standard deploy action reads
 * (AWS CodePipeline User Guide, "Image definitions file reference").
 */
export function imageDefinitions(containerName: string, imageUri: string): string {
  return imageDefinitionsOf([{ name: containerName, imageUri }]);
}

/** Like {@link imageDefinitions}, for a task of several containers. */
export function imageDefinitionsOf(images: readonly ContainerImage[]): string {
  return `${JSON.stringify(images.map(({ name, imageUri }) => ({ name, imageUri })))}\n`;
}
