import { createHash } from 'node:crypto'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { asDenial } from '../terms/denial.ts'
import { levelOf, type Permissions } from '../terms/permissions.ts'
import { formatScope, nameKey } from '../terms/scope.ts'
import type { Asking } from './decide.ts'
import type { ExchangePorts, Grant, Installation } from './ports.ts'
import type { OpenRecord } from './record.ts'

export interface MinterNeeds {
  readonly ports: Pick<ExchangePorts, 'chooseInstallation' | 'isPooled' | 'affinities'>
  readonly record: OpenRecord
  readonly signal: Cancellation
}

interface Minting {
  readonly asking: Asking
  readonly policy: TrustPolicy
  /** What the token is to have. */
  readonly permissions: Permissions
}

export interface Minter {
  readonly mintBy: Pick<Grant, 'installation' | 'app' | 'isKept'>
  /** Where it matters, is to be told which App it was; returns at once, and never fails. */
  readonly minted?: (appId: number) => void
}

/**
 * Whose installation mints, of several Apps'. Those of one caller's `checks: write` tokens stay with one App, because a check
 * run can be changed by the App alone that made it; when the store cannot say which that was, the App whose turn it is.
 * Where that App cannot mint any more, whichever mints instead is the one that the caller's tokens stay with.
 */
export function chooseMinter(
  minting: Minting,
  installation: Installation,
  needs: MinterNeeds,
): Minter | Promise<Minter> {
  const app = minting.policy.app
  const isPooled = needs.ports.isPooled(minting.asking.scope.owner)
  return isPooled || app !== undefined
    ? choose({ ...minting, isPooled }, installation, needs)
    : { mintBy: { installation, app } }
}

async function choose(
  { asking, policy, permissions, isPooled }: Minting & { readonly isPooled: boolean },
  installation: Installation,
  { ports, record, signal }: MinterNeeds,
): Promise<Minter> {
  const { owner } = asking.scope
  const { app } = policy
  const turnOf = (preferred?: number) => ports.chooseInstallation({ installation, owner, app, preferred }, signal)
  const turn = await turnOf()
  if (!isPooled || !writesChecks(permissions)) return { mintBy: { installation: turn, app } }

  const key = affinityKey(asking)
  const holder = await holderOf(key, turn, { ports, record })
  if (holder === undefined) return { mintBy: { installation: turn, app } }
  const kept = holder === turn.app.id ? turn : await turnOf(holder)
  return {
    mintBy: { installation: kept, app, isKept: kept.app.id === holder },
    minted(appId) {
      if (appId === holder) return
      record.affinity = { appId }
      const { affinities } = ports
      // What the former holder made cannot be changed any more. When the store fails here, the next exchange moves it.
      affinities
        .yield(key, holder)
        .then(() => affinities.claim(key, appId, AFFINITY_MS))
        .catch(() => {})
    },
  }
}

/** undefined: the store cannot say. */
async function holderOf(
  key: string,
  turn: Installation,
  { ports, record }: Pick<MinterNeeds, 'ports' | 'record'>,
): Promise<number | undefined> {
  try {
    const appId = await ports.affinities.claim(key, turn.app.id, AFFINITY_MS)
    record.affinity = { appId }
    return appId
  } catch (error) {
    record.affinity = { lost: asDenial(error).reason }
    return undefined
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
