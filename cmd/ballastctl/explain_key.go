package main

import (
	"fmt"
	"strings"

	"github.com/ballast-lb/ballast/internal/control"
)

// hiddenLoad says what is known of the clients behind the resolver key.
func hiddenLoad(e control.Explanation) string {
	h := e.HiddenLoad
	if h == nil {
		return ""
	}
	var b strings.Builder
	if !h.Known {
		note(&b, "", fmt.Sprintf("Hidden load of %s: not known. It is known of keys that asked twice in the manner of a cache; %s so far.",
			e.Key, count(h.Keys, "key is", "keys are")))
		return b.String()
	}
	note(&b, "", fmt.Sprintf("Hidden load of %s: %.3g sessions a second, %s of all that is behind %s.%s",
		e.Key, h.Rate, percentOf(h.Share), count(h.Keys, "key", "keys"), peculiarities(h)))
	if len(h.Held) > 0 {
		note(&b, "", fmt.Sprintf("It was told %s, and keeps that for another %s.", strings.Join(h.Held, ", "), seconds(h.HeldLeft)))
	}
	return b.String()
}

// peculiarities are what sets the key apart from a plain cache.
func peculiarities(h *control.HiddenLoad) (text string) {
	if h.Floor > 0 {
		text += fmt.Sprintf(" It keeps answers for at least %s.", seconds(h.Floor))
	}
	if h.Caches > 1.5 {
		text += fmt.Sprintf(" Some %.0f caches seem to share the address.", h.Caches)
	}
	if h.Seen > 0 && h.Seen < 0.7 {
		text += fmt.Sprintf(" About %s of the keys' questions come to this name server.", percentOf(h.Seen))
	}
	if !h.Trusted {
		text += " It does not count: the servers have no more to do since it asks."
	}
	return text
}

// beliefTable says what is believed of each server, and how long it can bear
// the key.
func beliefTable(e control.Explanation, in []control.ExplainedMember) string {
	if len(in) == 0 || in[0].Belief == nil {
		return ""
	}
	t := newTable("  ", "SERVER", "BELIEVED", "SHARE", "BEARS THE KEY FOR")
	for _, m := range in {
		b := m.Belief
		bears := seconds(b.Longest)
		if b.Longest == 0 {
			bears = "-"
		}
		t.row(m.ID, percentOf(b.Load), percentOf(b.Share), bears)
	}
	return fmt.Sprintf("\nLoads as believed, and shares of the capacity as learned (%s more than its share is tolerated):\n",
		percentOf(e.Tolerance)) + t.String()
}

// percentOf is a share with a digit behind the point.
func percentOf(share float64) string { return fmt.Sprintf("%.1f%%", share*100) }
