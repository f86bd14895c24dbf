package main

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/snapshot"
)

// snapshotOf is a file of one pool that was confirmed just now.
func snapshotOf(t *testing.T) []byte {
	t.Helper()
	now := time.Now()
	p := &pool.Pool{Service: "web", At: now, Servers: []pool.Server{{
		ID: "n1/web-1", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Capacity: 1, Load: pool.Load{Value: 0.5, At: now},
	}}}
	var b bytes.Buffer
	if err := snapshot.EncodePools(&b, now, slices.Values([]snapshot.Source{{Key: "1", Name: "consul web", Confirmed: now, Pool: p}})); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A damage is what it says: the file is of no use, or of an age that it was not.
func TestDamages(t *testing.T) {
	for i := range damages {
		how := &damages[i]
		t.Run(how.name, func(t *testing.T) {
			d := newStateDir(filepath.Join(t.TempDir(), "state"))
			if err := d.make(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(d.path, poolsFile)
			if err := os.WriteFile(path, snapshotOf(t), 0o600); err != nil {
				t.Fatal(err)
			}
			if done, err := d.harm(rand.New(rand.NewPCG(1, 2)), poolsFile, how); !done || err != nil {
				t.Fatalf("Done is %t: %v", done, err)
			}
			if lost, err := d.lost(poolsFile); err != nil || lost == how.whole {
				t.Errorf("Lost is %t: %v", lost, err)
			}
			text, _ := os.ReadFile(path)
			written, sources, err := snapshot.DecodePools(bytes.NewReader(text), time.Now().Add(2*time.Hour))
			if (err == nil) != how.whole {
				t.Fatalf("It is read with the error %v", err)
			}
			age := time.Since(written)
			if how.whole && (how.aged != (age > time.Minute) || how.aged == (age < -time.Minute) || sources[0].Pool.At.Sub(written).Abs() > time.Second) {
				t.Errorf("It was written %v ago, its pool is of %v", age, sources[0].Pool.At)
			}
		})
	}
}

// What the process writes in the place of a damaged file counts.
func TestWrittenAnew(t *testing.T) {
	d := newStateDir(filepath.Join(t.TempDir(), "state"))
	if err := d.make(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.path, poolsFile)
	for range 2 {
		if err := os.WriteFile(path, snapshotOf(t), 0o600); err != nil {
			t.Fatal(err)
		}
		if lost, err := d.lost(poolsFile); lost || err != nil {
			t.Errorf("A whole file is lost: %v", err)
		}
		if _, err := d.harm(rand.New(rand.NewPCG(1, 2)), poolsFile, &damages[0]); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := d.harm(nil, poolsFile, &damages[0]); done || err != nil {
		t.Errorf("What is damaged is damaged again: %v", err)
	}
	d.beginFailing(time.Second)
	if since, failing := d.unwritten(time.Minute); since != time.Second || !failing {
		t.Errorf("Failing since %v: %t", since, failing)
	}
	d.endFailing(2 * time.Minute)
	if since, failing := d.unwritten(time.Minute); since != time.Second || failing {
		t.Errorf("Not yet written again, since %v: %t", since, failing)
	}
	if since, failing := d.unwritten(3 * time.Minute); since != 3*time.Minute || failing {
		t.Errorf("Written again, since %v: %t", since, failing)
	}
}
