import { unseal } from '../prisma/seal'
import type { Context } from './context'
import { Fault } from './fault'
import { FORGES } from './forges/index'
import { flowOf } from './gitflow'
import { tokenContext } from './project'

/** The same for a project that has been connected, with its number on the forge. @throws Fault forge.unreachable where it has not */
export async function connectedForge(context: Context, projectId: number) {
  const { forge, project } = await forgeOf(context, projectId)
  const { forgeProjectId } = project
  if (forgeProjectId === null) throw new Fault('forge.unreachable', `${project.path} is not connected yet`)
  return { forge, project: { ...project, forgeProjectId } }
}

/** The forge of a project, with its token opened for this call, and the project as far as a forge needs it. */
export async function forgeOf(context: Context, projectId: number) {
  const project = await context.record.db.project.findUnique({
    where: { id: projectId },
    select: {
      id: true,
      forge: true,
      forgeUrl: true,
      forgeProjectId: true,
      path: true,
      name: true,
      cloneUrl: true,
      hook: true,
      flow: true,
      tokenSealed: true,
    },
  })
  if (project === null) throw new Fault('not.found', `there is no project ${projectId}`)
  const make = FORGES[project.forge]
  if (make === undefined) throw new Fault('input.invalid', `there is no forge called ${project.forge}`)
  const token = await unseal(context.keys, tokenContext(project.hook), project.tokenSealed).catch((cause: unknown) => {
    const because = `the token of ${project.path} was sealed for another key: give this worker the keys folder of the installation, or connect ${project.path} again with a token`
    throw new Fault('input.invalid', because, { cause })
  })
  const { tokenSealed: _, flow, ...known } = project
  return {
    forge: make({ url: project.forgeUrl, token, path: project.path }),
    project: { ...known, flow: flowOf(flow) },
    token,
  }
}
