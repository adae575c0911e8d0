import type { WorkLabel } from './engine'

/** What everything the engine makes carries. `kind` tells a step's container from a deployment's, which others made. */
export function labelsOf(label: WorkLabel, kind: 'step' | 'service' | 'image'): Record<string, string> {
  return {
    'shiplock.instance': label.instance,
    'shiplock.kind': kind,
    'shiplock.project': String(label.project),
    'shiplock.trust': label.trust,
    'shiplock.run': String(label.run),
    'shiplock.stage': label.stage,
    'shiplock.epoch': String(label.epoch),
  }
}

/** `sl-<instance>-<run>-<stage>-<epoch>`, of the characters Docker takes for a name. */
export const containerName = ({ instance, run, stage, epoch }: WorkLabel): string =>
  `sl-${instance}-${run}-${stage}-${epoch}`.replace(/[^a-zA-Z0-9_.-]/g, '-')

export const networkName = (instance: string): string => `shiplock-steps-${instance}`.replace(/[^a-zA-Z0-9_.-]/g, '-')

/** A dot stands in no stage's name, so that no service is called like another stage's step. */
export const serviceContainerName = (label: WorkLabel, service: string): string =>
  `${containerName(label)}.${service.replace(/[^a-zA-Z0-9_.-]/g, '-')}`

export const stageNetworkName = (label: WorkLabel): string => `${containerName(label)}.services`
