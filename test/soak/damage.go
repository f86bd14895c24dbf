package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/plugin/snapshot"
)

// damage is something that happens to the files of a state directory.
type damage struct {
	name   string
	change func(r *rand.Rand, file []byte) ([]byte, error)
	whole  bool // it can still be used
	aged   bool // and is old then
}

// damages are what may happen to a file.
var damages = []damage{
	{name: "truncated", change: func(r *rand.Rand, b []byte) ([]byte, error) { return b[:r.IntN(len(b))], nil }},
	{name: "garbage", change: func(r *rand.Rand, b []byte) ([]byte, error) {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b, nil
	}},
	{name: "damaged in one bit", change: func(r *rand.Rand, b []byte) ([]byte, error) {
		b[r.IntN(len(b)-1)] ^= 1 // the last may be another space
		return b, nil
	}},
	{name: "of another version", change: func(_ *rand.Rand, b []byte) ([]byte, error) {
		return bytes.Replace(b, []byte(`"version":1`), []byte(`"version":2`), 1), nil
	}},
	{name: "removed", change: func(*rand.Rand, []byte) ([]byte, error) { return nil, nil }},
	{name: "from the future", whole: true, change: shift(10 * time.Minute)},
	{name: "of long ago", whole: true, aged: true, change: shift(-time.Hour)},
}

// shift writes pools as if the clock had been so much ahead then.
func shift(by time.Duration) func(*rand.Rand, []byte) ([]byte, error) {
	return func(_ *rand.Rand, b []byte) ([]byte, error) {
		written, sources, err := snapshot.DecodePools(bytes.NewReader(b), time.Now())
		if err != nil {
			return nil, err
		}
		for i := range sources {
			s := &sources[i]
			if !s.Confirmed.IsZero() {
				s.Confirmed = s.Confirmed.Add(by)
			}
			for j := range s.Pool.Servers {
				if load := &s.Pool.Servers[j].Load; load.Known() {
					load.At = load.At.Add(by)
				}
			}
		}
		var out bytes.Buffer
		err = snapshot.EncodePools(&out, written.Add(by), slices.Values(sources))
		return out.Bytes(), err
	}
}

// harm does a damage to a file, and tells whether it could.
func (d *stateDir) harm(r *rand.Rand, file string, how *damage) (bool, error) {
	if lost, err := d.lost(file); lost || err != nil {
		return false, err
	}
	err := d.spoil(file, func(b []byte) ([]byte, error) { return how.change(r, b) })
	if how.whole {
		d.keep(file)
	}
	return true, err
}

// vanish removes the directory, out of the way of whoever may be writing into it.
func (d *stateDir) vanish() error {
	gone := d.path + ".gone"
	if err := os.Rename(d.path, gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// remake removes the directory, and makes it again.
func (d *stateDir) remake() error {
	if err := d.vanish(); err != nil {
		return err
	}
	return d.make()
}
