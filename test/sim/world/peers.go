package world

import (
	"net/netip"
	"slices"
)

// word is what a name server tells the others of an answer.
type word struct {
	from    int
	at      float64
	key     netip.Prefix
	servers []int
	ttl     float64
}

// tell sends word of an answer, if the name servers do that.
func (w *World) tell(from int, key netip.Prefix, servers []int, ttl float64) {
	if w.p.Told <= 0 || len(w.names) < 2 {
		return
	}
	w.words = append(w.words, word{from, w.now, key, slices.Clone(servers), ttl})
	w.events.push(event{w.now + w.p.Told, hear, 0})
}

// hear is the arrival of the oldest word.
func (w *World) hear(int) {
	first := w.words[0]
	w.words = w.words[1:]
	for i, n := range w.names {
		if i != first.from {
			n.hear(first)
		}
	}
}
