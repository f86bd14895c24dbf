package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// noon is when the snapshots of these tests were written.
var noon = time.UnixMilli(1_795_000_000_000)

// some are two sources with all that a server may have.
func some() []Source {
	sources := []Source{
		{Key: "1", Name: "consul web", Pool: &pool.Pool{Service: "web", At: noon.Add(-time.Second), Servers: []pool.Server{
			{
				ID: "n1/web-1", Node: "n1", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
				Port: 80, Capacity: 4, WarningFactor: 0.25, Health: pool.Warning, Reason: `load <90 %> & "more"`, Since: noon.Add(-time.Hour),
				Load: pool.Load{Value: 0.93, Connections: 17, At: noon.Add(-2 * time.Second), Boot: "b1"},
			},
			{ID: "n2/web-2", Node: "n2", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.2")}, Port: 8080, Health: pool.Drained},
		}}},
		{Key: "2", Name: "srv _api._tcp.example.org.", Pool: &pool.Pool{Service: "_api._tcp.example.org.", At: noon, Servers: []pool.Server{
			{ID: "api.example.org:80", Host: "api.example.org.", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.3")}, Port: 80, Tier: 10,
				Capacity: 1, Health: pool.Critical, Flip: 4 * time.Second, Wavering: true},
		}}},
		{Key: "3", Name: "consul none", Pool: &pool.Pool{Service: "none", Servers: []pool.Server{}}},
	}
	for i := range sources {
		sources[i].Confirmed = sources[i].Pool.At
	}
	return sources
}

func encoded(t testing.TB, sources []Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := EncodePools(&b, noon, slices.Values(sources)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPoolsComeBackAsTheyWere(t *testing.T) {
	written, got, err := DecodePools(bytes.NewReader(encoded(t, some())), noon.Add(time.Minute))
	if err != nil || !written.Equal(noon) {
		t.Fatalf("Decoded as of %v: %v", written, err)
	}
	if want := some(); !reflect.DeepEqual(got, want) {
		t.Errorf("Decoded\n%+v, want\n%+v", got, want)
	}
}

func TestClockSetBack(t *testing.T) {
	now := noon.Add(-10 * time.Minute)
	_, got, err := DecodePools(bytes.NewReader(encoded(t, some())), now)
	if err != nil {
		t.Fatal(err)
	}
	first := got[0].Pool
	if !first.At.Equal(now) {
		t.Errorf("A pool that was confirmed in the future is as of %v, want now", first.At.Sub(now))
	}
	if since := first.Servers[0].Since; !since.Equal(noon.Add(-time.Hour)) {
		t.Errorf("What is past by any clock moved to %v", since)
	}
	if first.Servers[0].Load.Known() {
		t.Errorf("A load of unknown age is kept: %+v", first.Servers[0].Load)
	}
	if never := got[2].Pool.At; !never.IsZero() {
		t.Errorf("What was never confirmed is so now, as of %v", never)
	}
}

func TestTimesLaterThanTheSnapshot(t *testing.T) {
	sources := some()
	sources[0].Confirmed = noon.Add(time.Hour) // the clock was set back before it was written
	_, got, err := DecodePools(bytes.NewReader(encoded(t, sources)), noon.Add(2*time.Hour))
	if err != nil || !got[0].Pool.At.Equal(noon) {
		t.Errorf("It is as of %v, want the time of writing: %v", got[0].Pool.At, err)
	}
}

// Nothing of a file counts unless it is there to the last byte.
func TestTruncatedAnywhere(t *testing.T) {
	whole := encoded(t, some())
	for cut := range len(whole) {
		if _, got, err := DecodePools(bytes.NewReader(whole[:cut]), noon); err == nil || got != nil {
			t.Fatalf("The first %d of %d bytes are taken for a snapshot", cut, len(whole))
		}
	}
}

func TestDamagedAnywhere(t *testing.T) {
	whole := encoded(t, some())
	for at := range len(whole) - 1 { // the last is a line feed, and may be another space
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1
		if _, _, err := DecodePools(bytes.NewReader(damaged), noon); err == nil {
			t.Fatalf("A flipped bit in byte %d, %q, is not noticed", at, whole[at])
		}
	}
}

// file is a file of these lines, with a proper end.
func file(lines ...string) string {
	sum := newSum()
	for _, line := range lines {
		fmt.Fprintln(sum, line)
	}
	return strings.Join(lines, "\n") + fmt.Sprintf("\n{\"end\":%d,\"crc32c\":\"%08x\"}\n", len(lines)-1, sum.Sum32())
}

const top = `{"ballast":"pools","version":1,"written":"2026-11-27T12:00:00Z"}`

func TestFilesThatAreNotUsed(t *testing.T) {
	server := func(fields string) string {
		return file(top, `{"key":"1","source":"consul web","servers":[{`+fields+`}]}`)
	}
	for _, tc := range []struct{ name, file, err string }{
		{"nothing in it", "", "it is empty"},
		{"something else", "hello\n", "not one of Ballast's"},
		{"other JSON", "{}\n", "not one of Ballast's"},
		{"another kind", file(`{"ballast":"overrides","version":1}`), "it holds overrides, not pools"},
		{"a newer version", file(`{"ballast":"pools","version":2}`), "it has version 2, and this program reads 1"},
		{"an older version", file(`{"ballast":"pools","version":0}`), "it has version 0"},
		{"an end alone", file(top)[len(top)+1:], "not one of Ballast's"},
		{"a record too few", top + "\n" + `{"end":1,"crc32c":"0"}` + "\n", "it has 0 records, and should have 1"},
		{"another checksum", top + "\n" + `{"end":0,"crc32c":"0"}` + "\n", "its checksum is"},
		{"more after the end", file(top) + "more\n", "something stands after its end"},
		{"a record that is none", file(top, "[]"), "record 1"},
		{"no source", file(top, "{}"), "it names no source"},
		{"a server without ID", server(""), "it has no ID"},
		{"an address that is none", server(`"id":"a","addrs":["192.0.2"]`), "record 1"},
		{"an empty address", server(`"id":"a","addrs":[""]`), "not an address"},
		{"a health that is none", server(`"id":"a","health":"fine"`), `unknown health "fine"`},
		{"a negative capacity", server(`"id":"a","capacity":-1`), "out of range"},
		{"more load than there is", server(`"id":"a","load":{"value":11,"at":1}`), "out of range"},
		{"a load of no time", server(`"id":"a","load":{"value":1}`), "out of range"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, got, err := DecodePools(strings.NewReader(tc.file), noon)
			if err == nil || !strings.Contains(err.Error(), tc.err) || got != nil {
				t.Errorf("Decoded %v with error %v, want %q", got, err, tc.err)
			}
		})
	}
	if _, _, err := DecodePools(strings.NewReader(file(top)), noon); err != nil {
		t.Errorf("A file without pools: %v", err)
	}
}

// The codec's own files come back whatever order servers had.
func TestServersAreSorted(t *testing.T) {
	text := file(top, `{"key":"1","source":"s","servers":[{"id":"b","port":1},{"id":"a"},{"id":"b","port":2}]}`)
	_, got, err := DecodePools(strings.NewReader(text), noon)
	if err != nil {
		t.Fatal(err)
	}
	if p := got[0].Pool; len(p.Servers) != 2 || p.Find("a") == nil || p.Find("b").Port != 1 {
		t.Errorf("Decoded %+v", p.Servers)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestSizeIsBounded(t *testing.T) {
	for name, in := range map[string]io.Reader{
		"one endless line":  endless{},
		"lines without end": io.MultiReader(strings.NewReader(top+"\n"), strings.NewReader(strings.Repeat("{}\n", 1<<20))),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newDecoder(in, 1<<20).all(Pools, func([]byte) error { return nil })
			if err == nil || !strings.Contains(err.Error(), "longer than 1 MiB") {
				t.Errorf("Error is %v", err)
			}
		})
	}
	if _, err := (&bounded{out: io.Discard, left: 10}).Write(make([]byte, 11)); err == nil {
		t.Error("More is written than would be read")
	}
}

type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsOfTheDiskComeThrough(t *testing.T) {
	for left := range len(encoded(t, some())) - 1 {
		if err := EncodePools(&full{left}, noon, slices.Values(some())); !errors.Is(err, errFull) {
			t.Fatalf("With room for %d bytes the error is %v", left, err)
		}
	}
}
