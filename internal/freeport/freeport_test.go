package freeport

import (
	"fmt"
	"net"
	"slices"
	"testing"
)

func TestTakeN(t *testing.T) {
	ports, err := TakeN(40)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := own()
	slices.Sort(ports)
	if len(slices.Compact(ports)) != 40 || ports[0] <= b.first || ports[39] >= b.first+blockSize || ports[39] >= rangeEnd() {
		t.Errorf("%v of the block from %d, below %d", ports, b.first, rangeEnd())
	}
}

// TestTakePassesBy has ports that others listen at.
func TestTakePassesBy(t *testing.T) {
	b, err := reserve(rangeEnd())
	if err != nil {
		t.Fatal(err)
	}
	defer b.lock.Close()
	l, err := net.Listen("tcp", local(b.first+1))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", local(b.first+2))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if port, err := b.take(); port != b.first+3 || err != nil {
		t.Errorf("Port %d, %v; want %d", port, err, b.first+3)
	}
}

func TestTakeGoesRound(t *testing.T) {
	b, err := reserve(rangeEnd())
	if err != nil {
		t.Fatal(err)
	}
	defer b.lock.Close()
	seen := map[int]int{}
	for range 2 * (blockSize - 1) {
		port, err := b.take()
		if err != nil {
			t.Fatal(err)
		}
		seen[port]++
	}
	for port, n := range seen {
		if n != 2 || len(seen) != blockSize-1 || port == b.first {
			t.Fatalf("Port %d was given %d times, of %d ports", port, n, len(seen))
		}
	}
}

func TestReserve(t *testing.T) {
	a, err := reserve(rangeEnd())
	if err != nil {
		t.Fatal(err)
	}
	defer a.lock.Close()
	t.Run("taken by another", func(t *testing.T) {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", a.first))
		if err == nil {
			l.Close()
			t.Error("The block's first port can be had")
		}
	})
	t.Run("none left", func(t *testing.T) {
		if _, err := reserve(lowest); err == nil {
			t.Error("No error")
		}
	})
}
