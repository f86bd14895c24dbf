package ballast

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/plugin/snapshot"
)

// numbering is the serial that a zone has for secondaries, and what it stands
// for. The zero numbering is that of a zone that nobody has seen yet.
type numbering struct {
	Zone   string `json:"zone"`
	Nth    int    `json:"nth,omitempty"` // of the zones with that origin; see views
	Serial uint32 `json:"serial"`
	File   uint32 `json:"file"` // the file's own
	Sum    sum    `json:"sum"`  // of what a transfer has
}

// sum is a digest of records.
type sum [16]byte

// MarshalText implements encoding.TextMarshaler.
func (s sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *sum) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(s[:], text[:min(len(text), 2*len(s))]); err != nil || n != len(s) || len(text) != 2*len(s) {
		return errors.New("a sum is 32 hexadecimal digits")
	}
	return nil
}

// next is the numbering of a zone whose file has the serial file, and whose
// transfer the sum is. Its serial is the file's while that is the newer one,
// stays while a transfer stays the same, and else goes on by one. It never goes
// back, since secondaries would not follow.
func (n numbering) next(file uint32, is sum) numbering {
	was := n
	n.File, n.Sum = file, is
	switch {
	case was.Zone == "" || newer(file, was.Serial):
		n.Serial = file
	case was.Sum != is:
		n.Serial++
		if n.Serial == 0 {
			n.Serial = 1 // 0 is asked for by those who have nothing
		}
	}
	return n
}

// newer tells whether serial a comes after b (RFC 1982 section 3.2).
func newer(a, b uint32) bool { return int32(a-b) > 0 }

const serialsName = "serials.jsonl"

// serials are the numberings of all zones, and their file. They are on disk
// before anybody sees them: a serial that is used twice hides a change.
type serials struct {
	mu      sync.Mutex
	known   map[string]numbering // by place
	written bool
	tried   time.Time
	err     error
}

// set takes a zone's numbering and writes all.
func (s *serials) set(replace replacer, place string, n numbering, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[place] == n {
		return
	}
	if s.known == nil {
		s.known = map[string]numbering{}
	}
	s.known[place], s.written = n, false
	s.write(replace, now)
}

// of is a zone's numbering.
func (s *serials) of(place string) numbering {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[place]
}

// keep writes what could not be written before, or all if it is lost or if it is
// the last chance.
func (s *serials) keep(replace replacer, now time.Time, lost, last bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lost || last {
		s.written = false
	}
	if !s.written && len(s.known) > 0 && (last || s.err == nil || now.Sub(s.tried) >= keepRetry) {
		s.write(replace, now)
	}
	return s.err
}

// write writes the file. The caller holds mu.
func (s *serials) write(replace replacer, now time.Time) {
	_, s.err = replace(serialsName, func(out io.Writer) error {
		e := snapshot.NewEncoder(out, snapshot.Serials, now)
		for _, place := range slices.Sorted(maps.Keys(s.known)) {
			e.Add(s.known[place])
		}
		return e.End()
	})
	s.tried, s.written = now, s.err == nil
}

// read takes in what an earlier process wrote.
func (s *serials) read(in io.Reader) error {
	known := map[string]numbering{}
	_, err := snapshot.Decode(in, snapshot.Serials, func(record []byte) error {
		var n numbering
		if err := json.Unmarshal(record, &n); err != nil {
			return err
		}
		if n.Zone == "" {
			return errors.New("it names no zone")
		}
		known[placeOf(n.Zone, n.Nth)] = n
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known, s.written = known, true
	return nil
}
