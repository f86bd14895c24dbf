package main

import (
	"maps"
	"testing"
)

// TestServiceExpected: what answers show after each change.
func TestServiceExpected(t *testing.T) {
	s, agent := newService(), newConsulAgent("127.0.0.1:1")
	defer agent.close()
	const a, b, c = "node-web-1.www.example.org.", "node-web-2.www.example.org.", "node-web-3.www.example.org."
	check := func(what string, want map[string]uint16) {
		t.Helper()
		if got := s.expected(); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("at first", map[string]uint16{a: 1000, b: 1000, c: 1000})
	s.next(agent, 0)
	check("weight of the first trebled", map[string]uint16{a: 1000, b: 333, c: 333})
	s.next(agent, 1)
	check("the second is critical", map[string]uint16{a: 1000, c: 333})
	s.next(agent, 2)
	check("weight of the first as before", map[string]uint16{a: 1000, c: 1000})
	s.next(agent, 3)
	check("the second passes again", map[string]uint16{a: 1000, b: 1000, c: 1000})
}
