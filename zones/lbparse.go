package zones

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// parseLB reads the words of an LB record: source, name, options. It collects
// all mistakes; each knows its word.
func parseLB(words []string) (*LB, []mistake) {
	lb := new(LB)
	var mistakes []mistake
	note := func(word int, m *mistake) {
		if m != nil {
			m.word = word
			mistakes = append(mistakes, *m)
		}
	}
	if len(words) > maxWords {
		note(maxWords, wrong("leave some out", "%d words are more than %d", len(words), maxWords))
		return nil, mistakes
	}
	note(0, lb.setSource(words))
	if len(words) > 0 {
		note(1, lb.setName(words))
	}
	seen := map[string]int{}
	for i, word := range words[min(2, len(words)):] {
		note(i+2, lb.setOption(word, i+2, seen))
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	note(seen["timeout"], lb.checkTimes())
	note(seen["host"], lb.checkHost())
	for _, w := range lb.words() {
		if len(w) > maxWord {
			note(-1, wrong("shorten it", "%.20q... is longer than %d octets", w, maxWord))
		}
	}
	return lb, mistakes
}

func (lb *LB) setSource(words []string) *mistake {
	const remedy = "write `LB consul SERVICE` or `LB srv OWNER`"
	if len(words) == 0 {
		return wrong(remedy, "LB has no data")
	}
	source := strings.ToLower(words[0])
	if source != Consul && source != SRV {
		return wrong(remedy, "LB source `%s` is neither consul nor srv", words[0])
	}
	lb.Source = source
	return nil
}

func (lb *LB) setName(words []string) *mistake {
	if len(words) < 2 || isOption(words[1]) {
		return wrong("write `LB consul SERVICE` or `LB srv OWNER` before the options", "LB %s has no name", words[0])
	}
	if lb.Source == SRV {
		name, ok := relative(words[1])
		if !ok {
			return wrong("write the owner of SRV records, like _http._tcp", "`%s` is not a domain name", words[1])
		}
		lb.Name = name
		return nil
	}
	name, ok := unescape(words[1])
	if !ok || !printable(name) || path.Clean("/"+name) != "/"+name { // .. would lead to all that the token may read
		return wrong("write the name as Consul lists it", "`%s` is not a service name", words[1])
	}
	lb.Name = name
	return nil
}

// isOption tells whether the word is a known option, which cannot be a name.
func isOption(word string) bool {
	key, _, ok := strings.Cut(word, "=")
	return ok && options[strings.ToLower(key)].set != nil
}

func (lb *LB) setOption(word string, at int, seen map[string]int) *mistake {
	key, raw, ok := strings.Cut(word, "=")
	key = strings.ToLower(key)
	o := options[key]
	switch {
	case !ok && o.set != nil:
		return wrong(fmt.Sprintf("write `%s=%s`", key, o.example), "option `%s` has no value", word)
	case !ok:
		return wrong("options are written NAME=VALUE, without blanks around the equals sign", "`%s` is not an option", word)
	case o.set == nil:
		return unknownOption(key)
	case raw == "":
		return wrong(fmt.Sprintf("write `%s=%s`", key, o.example), "option `%s=` has no value", key)
	case lb.Source != "" && o.needs != "" && o.needs != lb.Source:
		return wrong(fmt.Sprintf("remove it, or take the pool from %s", o.needs),
			"option `%s=` does not fit `LB %s`: it needs `LB %s`", key, lb.Source, o.needs)
	}
	if _, twice := seen[key]; twice && key != "tag" {
		return wrong("keep one of them", "option `%s=` is given twice", key)
	}
	seen[key] = at
	value, ok := raw, true
	if key != "empty" { // a domain name keeps its escapes
		value, ok = unescape(raw)
	}
	if !ok {
		return wrong("write a backslash as `\\\\`", "option `%s=%s` ends in half an escape", key, raw)
	}
	return o.set(lb, value)
}

func unknownOption(key string) *mistake {
	if near := nearest(key, slices.Collect(maps.Keys(options))); near != "" {
		return wrong("", "unknown option `%s=`: did you mean `%s=`?", key, near)
	}
	known := slices.Sorted(maps.Keys(options))
	return wrong("known are "+strings.Join(known, ", "), "unknown option `%s=`", key)
}

func (lb *LB) checkTimes() *mistake {
	if p := lb.Probe(); p.Timeout > p.Every {
		return wrong("lower timeout= or raise every=", "timeout %v is longer than the %v between checks", p.Timeout, p.Every)
	}
	return nil
}

func (lb *LB) checkHost() *mistake {
	switch lb.Check.Kind {
	case CheckHTTP, CheckHTTPS, CheckTLS:
		return nil
	}
	if lb.Check.Host == "" {
		return nil
	}
	return wrong("add `check=http:/` or remove host=", "option `host=` needs check=http, https or tls")
}

// relative brings a domain name that may be relative into one spelling, and
// keeps it relative.
func relative(name string) (string, bool) {
	if name == "@" {
		return name, true
	}
	abs, ok := absolute(name, ".")
	if !ok {
		return "", false
	}
	abs = canonical(abs)
	if dns.IsFqdn(name) {
		return abs, true
	}
	return strings.TrimSuffix(abs, "."), true
}

// printable tells whether s is something, and has neither blanks nor control
// characters in it.
func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
