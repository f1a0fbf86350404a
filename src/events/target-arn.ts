/**
 * How notifications name targets: `arn:minio:sqs:REGION:ID:webhook`, as MinIO does. A deployment
 * without a region has none in its ARNs, and a document's region must be the deployment's or empty.
 */

const ARN = /^arn:minio:sqs:([A-Za-z0-9_-]*):([A-Za-z0-9_-]{1,64}):([a-z]+)$/;

export interface TargetArn {
  readonly region: string;
  readonly id: string;
  readonly type: string;
}

export function parseTargetArn(text: string): TargetArn | undefined {
  const match = ARN.exec(text);
  const [, region, id, type] = match ?? [];
  if (region === undefined || id === undefined || type === undefined) return undefined;
  return { region, id, type };
}

export function formatTargetArn({ region, id, type }: TargetArn): string {
  return `arn:minio:sqs:${region}:${id}:${type}`;
}
