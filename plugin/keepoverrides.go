package ballast

import (
	"encoding/json"
	"io"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/plugin/snapshot"
)

const overridesName = "overrides.jsonl"

// overridesFile is the file of operators' words. It is small, and they count on
// it: it is written with each of them.
type overridesFile struct {
	written bool
	version uint64 // that was written
	err     error
	tried   time.Time
}

// keep writes them if there is a new one, or if it is the last chance.
func (f *overridesFile) keep(replace replacer, o *overrides, now time.Time, last bool) error {
	words, version := o.latest()
	if f.written && f.version == version && !last {
		f.err = nil
		return nil
	}
	if !last && f.err != nil && now.Sub(f.tried) < keepRetry {
		return f.err
	}
	_, f.err = replace(overridesName, func(out io.Writer) error {
		e := snapshot.NewEncoder(out, snapshot.Overrides, now)
		for _, word := range words {
			e.Add(word)
		}
		return e.End()
	})
	f.tried = now
	if f.err == nil {
		f.written, f.version = true, version
	}
	return f.err
}

// decodeOverrides reads the words that still hold at now.
func decodeOverrides(in io.Reader, now time.Time) ([]control.Override, error) {
	var words []control.Override
	_, err := snapshot.Decode(in, snapshot.Overrides, func(record []byte) error {
		var word control.Override
		if err := json.Unmarshal(record, &word); err != nil {
			return err
		}
		if err := word.Validate(word.Set); err != nil {
			return err
		}
		if word.Active(now) {
			words = append(words, word)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return words, nil
}
