import { asDenial } from '../terms/denial.ts'
import type { ExchangePorts } from './ports.ts'
import { type ExchangeRecord, type OpenRecord, openRecord } from './record.ts'
import type { Caller } from './request.ts'

export type About = Pick<ExchangeRecord, 'kind' | 'scope' | 'identity'>

/** Does `work` and remembers once what came of it; whatever it throws leaves as a Denial. */
export async function remembered<T>(
  about: About & Caller,
  { clock, remember }: Pick<ExchangePorts, 'clock' | 'remember'>,
  work: (record: OpenRecord) => Promise<T>,
): Promise<T> {
  const { signal: _signal, ...who } = about
  const record = openRecord(who, clock)
  try {
    const result = await work(record)
    remember(record.close(undefined))
    return result
  } catch (error) {
    const denial = asDenial(error)
    remember(record.close(denial))
    throw denial
  }
}
