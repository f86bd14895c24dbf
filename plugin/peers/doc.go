// Package peers carries word of answers between the name servers of a zone, so
// that each learns of resolvers as if it were alone. Words go by UDP, to every
// peer, some dozens in a datagram: one that is lost is one question that a peer
// did not see, and nothing waits for it.
//
// # Datagrams
//
//	magic   4 bytes  "BLP" and the version, 1
//	sender 16 bytes  random, of the sending process
//	number  8 bytes  of the datagram, counted by the sender from 1
//	sealed           AES-256-GCM (NIST SP 800-38D)
//
// Numbers are big-endian. The key is derived from the shared secret and the sender
// by HKDF-SHA-256 (RFC 5869), so that each process has its own, and the number is
// the nonce; the first 28 bytes are authenticated as well. Sealed are the time of
// sending in milliseconds since 1970 (8 bytes) and words, each of them
//
//	name     8 bytes  FNV-1a of the LB name's place
//	kind     1 byte   family of the question; 128 more if the key is IPv6
//	length   1 byte   of the key's prefix, in bits
//	key               as many bytes as have such bits
//	ttl      varint   of the answer, in seconds
//	age      varint   from the answer to the sending, in milliseconds
//	count    1 byte   servers of the answer
//	servers  8 bytes each, FNV-1a of their IDs
//
// A datagram without words tells that the sender is there. One is refused that
// does not open, whose number is not above all that came from its sender, or,
// from a new sender, whose time is further than Skew from the receiver's clock or
// before the receiver's start: what was recorded can not be sent again, but for
// what a sender whose clock is ahead sent so long before the receiver's restart.
// One whose clock is behind is heard of so much later.
package peers
