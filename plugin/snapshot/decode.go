package snapshot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// errCut says that a file has no end.
var errCut = errors.New("it was cut short")

// Decode reads a file of a kind, calls each for its records, and tells when it
// was written. What each was given is worth nothing if there is an error.
func Decode(in io.Reader, kind Kind, each func(record []byte) error) (written time.Time, err error) {
	return newDecoder(in, MaxSize).all(kind, each)
}

// decoder reads a file line by line.
type decoder struct {
	in      *bufio.Reader
	sum     hash.Hash32
	max     int64 // bytes
	size    int64
	records int
}

func newDecoder(in io.Reader, limit int64) *decoder {
	return &decoder{in: bufio.NewReaderSize(io.LimitReader(in, limit+1), 64<<10), sum: newSum(), max: limit}
}

func (d *decoder) all(kind Kind, each func(record []byte) error) (written time.Time, err error) {
	h, err := d.head(kind)
	if err != nil {
		return time.Time{}, err
	}
	for {
		line, err := d.line()
		if err != nil {
			return time.Time{}, fmt.Errorf("after %d records: %w", d.records, err)
		}
		if bytes.HasPrefix(line, []byte(`{"end":`)) {
			return h.Written, d.tail(line)
		}
		d.sum.Write(line)
		d.records++
		if err := each(line); err != nil {
			return time.Time{}, fmt.Errorf("record %d: %w", d.records, err)
		}
	}
}

// line is the next one. Each is a slice of its own.
func (d *decoder) line() ([]byte, error) {
	line, err := d.in.ReadBytes('\n')
	d.size += int64(len(line))
	switch {
	case d.size > d.max:
		return nil, fmt.Errorf("it is longer than %d MiB", d.max>>20)
	case errors.Is(err, io.EOF):
		return nil, errCut
	}
	return line, err
}

func (d *decoder) head(kind Kind) (head, error) {
	line, err := d.line()
	if errors.Is(err, errCut) && d.size == 0 {
		return head{}, errors.New("it is empty")
	}
	if err != nil {
		return head{}, err
	}
	d.sum.Write(line)
	var h head
	switch err := json.Unmarshal(line, &h); {
	case err != nil || h.Kind == "":
		return head{}, errors.New("its first line is not one of Ballast's")
	case h.Kind != kind:
		return head{}, fmt.Errorf("it holds %s, not %s", h.Kind, kind)
	case h.Version != Version:
		return head{}, fmt.Errorf("it has version %d, and this program reads %d", h.Version, Version)
	}
	return h, nil
}

// tail checks the file's end against what was read.
func (d *decoder) tail(line []byte) error {
	var t tail
	if err := json.Unmarshal(line, &t); err != nil || t.Records == nil {
		return errors.New("its last line is damaged")
	}
	if *t.Records != d.records {
		return fmt.Errorf("it has %d records, and should have %d", d.records, *t.Records)
	}
	if sum := fmt.Sprintf("%08x", d.sum.Sum32()); sum != t.Sum {
		return fmt.Errorf("its checksum is %s, and should be %s", sum, t.Sum)
	}
	if _, err := d.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("something stands after its end")
	}
	return nil
}
