// Package reports asks the agents of a pool's servers for their reports, since
// Consul carries load only every few seconds and in steps: GET /v1/report at
// each server's address, over one connection that is kept.
//
// [New] puts that around another pool.Source, which goes on to say who is in
// the pool. What agents say is merged into what it publishes:
//
//   - Load is the agent's own word while it is at most 10 s (or three
//     intervals) older than what the source knows, and always if the source
//     knows none. Where the two differ in the boot id, the one whose boot id
//     was seen to change last is right: neither a Meta that lags behind nor a
//     report from before the restart may win. Load.At is when a sample was
//     first seen, so that the load of an agent that falls silent, or does not
//     sample any more, fades.
//   - A report's warning makes a server that is passing, or was not checked
//     yet, a warning; it ends with the report that takes it back, or when the
//     agent was silent for as long as above. Nothing else of a report's health
//     counts: an agent that is stopped says critical, and its server's
//     connections need not end with it. Health from Consul and probes tells
//     who is down or drained.
//
// A changed pool, warning or boot id is published at once, changed loads at
// most once in an interval, the times of unchanged ones at most every 10 s.
//
// Each server has a goroutine of its own and Options.Timeout for each answer, so
// that one that hangs delays no other. Who does not answer, or not with a
// report, is asked again after one interval, then two, and so on up to 30 s, or at
// once when the source says that the server returned. Of several addresses the
// next one is tried after a failure, and the one that answers is kept. Servers
// that share an address share its agent.
package reports
