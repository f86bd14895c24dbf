package snapshot

import (
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"time"
)

// Version is that of all kinds of files. It is raised when an older program
// would misread what a newer one wrote, not for a field more.
const Version = 1

// Kind is what a file holds.
type Kind string

// The kinds.
const (
	Pools     Kind = "pools"
	Overrides Kind = "overrides"
	Serials   Kind = "serials"
	Learned   Kind = "learned"
)

// head is a file's first line.
type head struct {
	Kind    Kind      `json:"ballast"`
	Version int       `json:"version"`
	Written time.Time `json:"written"`
}

// tail is its last.
type tail struct {
	Records *int   `json:"end"`
	Sum     string `json:"crc32c"`
}

// MaxSize bounds a file, in bytes: some ten times what 10,000 services with
// 100,000 servers take.
const MaxSize = 256 << 20

func newSum() hash.Hash32 { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }

// Encoder writes a file.
type Encoder struct {
	out     io.Writer
	sum     hash.Hash32
	json    *json.Encoder
	records int
	err     error
}

// NewEncoder begins a file of a kind, as of the time written.
func NewEncoder(out io.Writer, kind Kind, written time.Time) *Encoder {
	out = &bounded{out: out, left: MaxSize}
	e := &Encoder{out: out, sum: newSum()}
	e.json = json.NewEncoder(io.MultiWriter(out, e.sum))
	e.json.SetEscapeHTML(false)
	e.err = e.json.Encode(head{kind, Version, written.UTC().Truncate(time.Millisecond)})
	return e
}

// Add writes a record, unless something went wrong before.
func (e *Encoder) Add(record any) {
	if e.err == nil {
		e.err = e.json.Encode(record)
		e.records++
	}
}

// End completes the file, and returns what went wrong first.
func (e *Encoder) End() error {
	if e.err == nil {
		_, e.err = fmt.Fprintf(e.out, "{\"end\":%d,\"crc32c\":\"%08x\"}\n", e.records, e.sum.Sum32())
	}
	return e.err
}

// bounded fails rather than write more than Decode would read.
type bounded struct {
	out  io.Writer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, fmt.Errorf("it would be longer than %d MiB", MaxSize>>20)
	}
	return b.out.Write(p)
}
