package bpf

import "encoding/binary"

// Entries is the room of a bucket.
const Entries = len(Bucket{}.Entries)

const (
	fromServer = 1 // bit of a handle
	handleBits = 25
	handleMask = 1<<handleBits - 1
)

// A Handle is what an entry of the index leads to: a connection, in the
// direction of the packets that find it.
type Handle uint32

// HandleOf gives the handle of a connection's packets.
func HandleOf(id uint32, server bool) Handle {
	if server {
		return Handle(id<<1 | fromServer)
	}
	return Handle(id << 1)
}

// ID is the connection's.
func (h Handle) ID() uint32 { return uint32(h) >> 1 }

// FromServer tells whether the packets are the server's.
func (h Handle) FromServer() bool { return h&fromServer != 0 }

// A Home is where a tuple's entry is: in one of two buckets, with a tag. See
// locate in index.h.
type Home struct {
	First, Second uint32
	Tag           uint32 // at its place in an entry; never 0
}

// Locate computes a tuple's home in an index of so many buckets, a power of two.
func Locate(seed uint64, buckets uint32, t Tuple) Home {
	word := func(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }
	sum := mix(mix(seed, word(t.Saddr[:8])), word(t.Saddr[8:]))
	sum = mix(mix(sum, word(t.Daddr[:8])), word(t.Daddr[8:]))
	sum = mix(sum, uint64(t.Sport)<<24|uint64(t.Dport)<<8|uint64(t.Proto))
	mask := uint64(buckets) - 1
	return Home{
		First:  uint32(sum & mask),
		Second: uint32(sum >> handleBits & mask),
		Tag:    uint32(max(1, sum>>57)) << handleBits,
	}
}

// mix is mix of util.h.
func mix(h, w uint64) uint64 {
	h = (h ^ w) * 0xff51afd7ed558ccd
	return h ^ h>>32
}

// Entry is what a bucket holds for a handle.
func (h Home) Entry(to Handle) uint32 { return h.Tag | uint32(to) }

// Used counts the bucket's entries.
func (b *DirectorBucket) Used() (n int) {
	for _, e := range b.Entries {
		if e != 0 {
			n++
		}
	}
	return n
}

// An Index finds connections as the datapath does, in maps that user space
// reads.
type Index struct {
	Seed    uint64
	Buckets uint32
	Bucket  func(i uint32) (Bucket, error)
	Conn    func(id uint32) (c Conn, ok bool)
}

// Find gives the handle of the tuple's connection; false if there is none.
func (x Index) Find(t Tuple) (_ Handle, ok bool, err error) {
	home := Locate(x.Seed, x.Buckets, t)
	for _, i := range []uint32{home.First, home.Second} {
		b, err := x.Bucket(i)
		if err != nil {
			return 0, false, err
		}
		if h, ok := x.search(&b, t, home.Tag); ok || b.Spilled == 0 {
			return h, ok, nil
		}
	}
	return 0, false, nil
}

func (x Index) search(b *Bucket, t Tuple, tag uint32) (Handle, bool) {
	for _, e := range b.Entries {
		if e&^handleMask != tag {
			continue
		}
		h := Handle(e & handleMask)
		if c, ok := x.Conn(h.ID()); ok && c.TupleOf(h.FromServer()) == t {
			return h, true
		}
	}
	return 0, false
}

// TupleOf is that of the server's or the client's packets, as they come in.
func (c *DirectorConn) TupleOf(server bool) Tuple {
	if server {
		return Tuple{Saddr: c.Server, Daddr: c.Local, Sport: c.Sport, Dport: c.Lport, Proto: c.Proto}
	}
	return Tuple{Saddr: c.Client, Daddr: c.Vip, Sport: c.Cport, Dport: c.Vport, Proto: c.Proto}
}
