/** Amazon ECR as its host name tells it. */
export interface EcrHost {
  readonly kind: 'private' | 'public';
  /** Where a login is asked for; ECR Public has it in us-east-1 only. */
  readonly region: string;
  readonly fips: boolean;
  /** Reached by IPv6 too, under names of its own. */
  readonly dualStack: boolean;
}

/**
 * Account and region of a private registry. Host names after AWS's list of endpoints, in the partitions `aws`, `aws-cn`,
 * `aws-us-gov` and `aws-eusc`: `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, and with dual stack `ACCOUNT.dkr-ecr.REGION.on.aws`.
 */
const PRIVATE =
  /^\d{12}\.dkr(?:\.ecr(?<fips>-fips)?\.(?<region>[a-z0-9-]+)\.amazonaws\.(?:com(?:\.cn)?|eu)|-ecr(?<dualFips>-fips)?\.(?<dualRegion>[a-z0-9-]+)\.on\.(?:aws|amazonwebservices\.(?:com\.cn|eu)))$/;

/** What an ECR registry's host name says; undefined for any other registry. */
export function parseEcrHost(domain: string): EcrHost | undefined {
  if (domain === 'public.ecr.aws')
    return { kind: 'public', region: 'us-east-1', fips: false, dualStack: false };
  const found = PRIVATE.exec(domain)?.groups;
  if (found === undefined) return undefined;
  return {
    kind: 'private',
    region: (found.region ?? found.dualRegion) as string,
    fips: (found.fips ?? found.dualFips) !== undefined,
    dualStack: found.dualRegion !== undefined,
  };
}

/** The private ECR registries that a text names, each once, e.g. in the `FROM`s of a Dockerfile. */
export function ecrHostsIn(text: string): readonly string[] {
  const words = text.match(/\b\d{12}\.dkr[.-]ecr[a-z0-9.-]*/g) ?? [];
  return [...new Set(words)].filter((word) => parseEcrHost(word) !== undefined);
}
