package main

import (
	"maps"
	"testing"
)

// TestServiceExpected: what answers show after each change.
func TestServiceExpected(t *testing.T) {
	s, agent := newService(), newConsulAgent("127.0.0.1:1")
	defer agent.close()
	const a, b, c = "web-1.www.example.org.", "web-2.www.example.org.", "web-3.www.example.org."
	check := func(what string, want map[string]uint16) {
		t.Helper()
		if got := s.expected(); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("at first", map[string]uint16{a: 333, b: 333, c: 333})
	s.next(agent, 0)
	check("weight of the first trebled", map[string]uint16{a: 600, b: 200, c: 200})
	s.next(agent, 1)
	check("the second is critical", map[string]uint16{a: 750, c: 250})
	s.next(agent, 2)
	check("weight of the first as before", map[string]uint16{a: 500, c: 500})
	s.next(agent, 3)
	check("the second passes again", map[string]uint16{a: 333, b: 333, c: 333})
}
