import { createHash } from 'node:crypto'
import { exactly } from '../policy/pattern.ts'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import { asDenial } from '../terms/denial.ts'
import { levelOf, type Permissions } from '../terms/permissions.ts'
import { formatScope, nameKey } from '../terms/scope.ts'
import type { Asking } from './decide.ts'
import type { ExchangePorts, Grant, Installation } from './ports.ts'
import type { OpenRecord } from './record.ts'

export interface MinterNeeds {
  readonly ports: Pick<ExchangePorts, 'chooseInstallation' | 'isPooled' | 'affinities'>
  readonly record: OpenRecord
  readonly signal: AbortSignal
}

type Minter = Pick<Grant, 'installation' | 'app'>

interface Minting {
  readonly asking: Asking
  readonly policy: TrustPolicy
  /** What the token is to have. */
  readonly permissions: Permissions
}

/**
 * Whose installation mints, of several Apps'. Those of one caller's `checks: write` tokens stay with one App, because a check
 * run can be changed by the App alone that made it; when the store cannot say which that was, the App whose turn it is.
 */
export function chooseMinter(
  minting: Minting,
  installation: Installation,
  needs: MinterNeeds,
): Minter | Promise<Minter> {
  const app = minting.policy.app
  const isPooled = needs.ports.isPooled(minting.asking.scope.owner)
  return isPooled || app !== undefined ? choose({ ...minting, isPooled }, installation, needs) : { installation, app }
}

async function choose(
  { asking, policy, permissions, isPooled }: Minting & { readonly isPooled: boolean },
  installation: Installation,
  { ports, record, signal }: MinterNeeds,
): Promise<Minter> {
  const { owner } = asking.scope
  const choice = { installation, owner, app: policy.app }
  if (!isPooled) {
    return {
      installation: await ports.chooseInstallation({ ...choice, preferred: undefined }, signal),
      app: policy.app,
    }
  }
  const turn = await ports.chooseInstallation({ ...choice, preferred: undefined }, signal)
  if (!writesChecks(permissions)) return { installation: turn, app: policy.app }

  const key = affinityKey(asking)
  const holder = await holderOf(key, turn, { ports, record, signal })
  if (holder === turn.app.id) return { installation: turn, app: exactly(String(holder)) }
  const kept = await ports.chooseInstallation({ ...choice, preferred: holder }, signal)
  if (kept.app.id === holder) return { installation: kept, app: exactly(String(holder)) }
  // It is gone, or the policy pins another one: what it made cannot be changed any more.
  await ports.affinities.yield(key, holder).catch(() => {})
  return { installation: turn, app: policy.app }
}

async function holderOf(key: string, turn: Installation, { ports, record }: MinterNeeds): Promise<number> {
  try {
    const appId = await ports.affinities.claim(key, turn.app.id, AFFINITY_MS)
    record.affinity = { appId }
    return appId
  } catch (error) {
    record.affinity = { lost: asDenial(error).reason }
    return turn.app.id
  }
}

function writesChecks(permissions: Permissions): boolean {
  const level = levelOf(permissions, 'checks')
  return level !== undefined && level !== 'read'
}

function affinityKey({ claims, scope, identity }: Asking): string {
  const parts = [nameKey(formatScope(scope)), identity, claims.iss, claims.sub]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** Longer than any workflow keeps a check run open without asking again. */
const AFFINITY_MS = 24 * 3_600_000
