// Uses the official JavaScript client as a service would; prints what it saw as one JSON line.
import { createClient } from '@clickhouse/client'

const [writerUrl, readerUrl] = process.argv.slice(2)
const options = { compression: { request: true, response: true } }
const writer = createClient({ url: writerUrl, ...options })
const reader = createClient({ url: readerUrl, compression: { response: true } })

async function rejection(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('expected an error')
}

const seen = {}
seen.ping = (await writer.ping()).success
await writer.command({ query: 'CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a' })
const inserted = await writer.insert({
  table: 't',
  values: [{ a: 1, b: 'ы' }, { a: 2, b: "x'y" }],
  format: 'JSONEachRow',
})
seen.inserted = Number(inserted.summary.written_rows)
const all = await reader.query({ query: 'SELECT a, b FROM t ORDER BY a', format: 'JSONEachRow',
  clickhouse_settings: { output_format_json_quote_64bit_integers: 1, log_comment: 'js' } })
seen.rows = await all.json()
const some = await writer.query({
  query: 'SELECT toString(a) AS a FROM t WHERE b = {b: String} AND a IN {list: Array(UInt64)}',
  query_params: { b: "x'y", list: [1, 2] },
  query_id: 'my-id',
})
seen.queryId = some.query_id
seen.filtered = (await some.json()).data
const large = await reader.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONCompactEachRow' })
seen.streamed = 0
for await (const rows of large.stream()) seen.streamed += rows.length
const missing = await rejection(reader.query({ query: 'SELECT * FROM nope' }))
seen.missing = { code: missing.code, type: missing.type }
const refused = await rejection(reader.command({ query: 'DROP TABLE t' }))
seen.refused = { code: refused.code, type: refused.type }
const stranger = createClient({ url: readerUrl.replace('reader-password', 'wrong') })
seen.wrongPassword = (await rejection(stranger.query({ query: 'SELECT 1' }))).type
await Promise.all([writer.close(), reader.close(), stranger.close()])
console.log(JSON.stringify(seen))
