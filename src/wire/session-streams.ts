import { isMap } from 'node:util/types'
import { PassingMap } from '../runtime/passing-map.ts'

/**
 * Has Node keep the streams of an HTTP/2 session in a map that lets them go. A Map's tables keep what has left (see `Roster`): the
 * streams, and by them nine tenths of what V8 would take for old of a gRPC call. Where a version of Node has no such map, or
 * one that is in use, nothing is done.
 */
export function letStreamsGo(session: object): void {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state')
  const state: unknown = symbol === undefined ? undefined : Reflect.get(session, symbol)
  if (typeof state !== 'object' || state === null) return
  const streams: unknown = Reflect.get(state, 'streams')
  if (isMap(streams) && streams.size === 0) Reflect.set(state, 'streams', new PassingMap())
}
