/**
 * The content of `imagedefinitions.json`, which CodePipeline's Amazon ECS standard deploy action reads
 * (AWS CodePipeline User Guide, "Image definitions file reference").
 */
export function imageDefinitions(containerName: string, imageUri: string): string {
  return `${JSON.stringify([{ name: containerName, imageUri }])}\n`;
}
