//go:build linux

package main

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestZipfSplit(t *testing.T) {
	for _, c := range []struct {
		clients, resolvers int
		want               []int
	}{
		{7, 1, []int{7}},
		{11, 3, []int{6, 3, 2}},                // exactly 1 : 1/2 : 1/3
		{12, 3, []int{7, 3, 2}},                // the remainder goes to the largest
		{5, 5, []int{1, 1, 1, 1, 1}},           // nobody is without
		{9, 8, []int{2, 1, 1, 1, 1, 1, 1, 1}},  // the largest give, and keep the rest
		{20, 8, []int{8, 4, 3, 1, 1, 1, 1, 1}}, // all of it to the largest three
	} {
		t.Run(fmt.Sprint(c.clients, " over ", c.resolvers), func(t *testing.T) {
			if got := zipf(c.clients, c.resolvers); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestSessionsAreThoseOfTheModel: the same for the same seed, client and
// number, different otherwise, and with the papers' means.
func TestSessionsAreThoseOfTheModel(t *testing.T) {
	s := defaults()
	const cpu = 200 * time.Microsecond
	if !reflect.DeepEqual(session(s, cpu, 3, 4), session(s, cpu, 3, 4)) {
		t.Error("the same session is drawn differently a second time")
	}
	if reflect.DeepEqual(session(s, cpu, 3, 4), session(s, cpu, 4, 3)) {
		t.Error("two sessions are alike")
	}
	var sessions, pageCount, hits, waited, burnt float64
	for client := range 2000 {
		sessions++
		for _, p := range session(s, cpu, client, 0) {
			pageCount++
			waited += p.think.Seconds() * s.factor
			for _, h := range p.hits {
				hits++
				burnt += h.Seconds()
			}
		}
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"pages of a session", pageCount / sessions, 20},
		{"hits of a page", hits / pageCount, 10},
		{"think time in the papers' seconds", waited / pageCount, 15},
		{"CPU of a hit", burnt / hits, cpu.Seconds()},
	} {
		if math.Abs(c.got/c.want-1) > .05 {
			t.Errorf("%s: %v on average, want %v", c.name, c.got, c.want)
		}
	}
}

// TestLoadIsAsWanted: what all clients ask for is the wanted share of what all
// servers have.
func TestLoadIsAsWanted(t *testing.T) {
	s := defaults()
	offered := s.pageRate() * meanHits * s.hitCPU().Seconds()
	if want := s.cores * s.utilisation; math.Abs(offered-want) > 1e-3 {
		t.Errorf("%v cores are asked for, want %v", offered, want)
	}
	total := 0.0
	for _, q := range s.quotas() {
		total += q
	}
	if math.Abs(total-s.cores) > 1e-9 {
		t.Errorf("the quotas are %v cores together, want %v", total, s.cores)
	}
}
