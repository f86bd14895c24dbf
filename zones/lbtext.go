package zones

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxWord bounds each word of an LB record: on the wire it is a character-string.
const maxWord = 255

// maxWords bounds the words of an LB record.
const maxWords = 64

// String is the data in presentation format: source, name, and the options
// that were given, in the order of the documentation.
func (lb *LB) String() string { return strings.Join(lb.words(), " ") }

// Parse reads the data from the words of its presentation format. The error
// joins all mistakes.
func (lb *LB) Parse(words []string) error {
	got, mistakes := parseLB(words)
	if len(mistakes) > 0 {
		errs := make([]error, len(mistakes))
		for i, m := range mistakes {
			errs[i] = m
		}
		return errors.Join(errs...)
	}
	*lb = *got
	return nil
}

// words is the presentation format, word by word.
func (lb *LB) words() []string {
	name := lb.Name
	if lb.Source == Consul {
		name = escape(name)
	}
	w := []string{lb.Source, name}
	add := func(option, value string) {
		if value != "" {
			w = append(w, option+"="+escape(value))
		}
	}
	add("policy", lb.Policy)
	add("answers", count(lb.Answers))
	add("min-ttl", seconds(lb.MinTTL))
	add("mean-ttl", seconds(lb.MeanTTL))
	add("session", duration(lb.Session))
	add("up-thresh", share(lb.UpThresh))
	if lb.Empty == EmptyFallback {
		w = append(w, "empty="+lb.Fallback) // a domain name brings its own escapes
	} else {
		add("empty", lb.Empty)
	}
	add("sticky", prefixes(lb.Sticky))
	add("ramp", duration(lb.Ramp))
	for _, tag := range lb.Tags {
		add("tag", tag)
	}
	add("dc", lb.DC)
	add("via", lb.Via)
	add("check", lb.Check.String())
	add("host", lb.Check.Host)
	add("every", duration(lb.Every))
	add("timeout", duration(lb.Timeout))
	add("rise", count(lb.Rise))
	add("fall", count(lb.Fall))
	return w
}

// String is the value of check=; empty if nothing was said.
func (c Check) String() string {
	port := count(int(c.Port))
	switch c.Kind {
	case CheckTCP, CheckTLS:
		if port != "" {
			return c.Kind + ":" + port
		}
	case CheckHTTP, CheckHTTPS:
		return c.Kind + ":" + port + c.Path
	case CheckExec:
		return c.Kind + ":" + c.Name
	}
	return c.Kind
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func seconds(d time.Duration) string { return count(int(d / time.Second)) }

func duration(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < 0:
		return "0"
	}
	// time.Duration writes 5m0s; the zeros carry nothing.
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func share(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(max(v, 0), 'f', -1, 64)
}

func prefixes(p [2]int) string {
	switch {
	case p == [2]int{}:
		return ""
	case p[0] < 0:
		return "off"
	case p[1] == 0:
		return strconv.Itoa(p[0])
	}
	return fmt.Sprintf("%d/%d", p[0], p[1])
}

// escape writes a value so that a zone file's scanner gives it back as one word.
func escape(s string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && !strings.ContainsRune(`"();\`, rune(c)) }
	if !slices.ContainsFunc([]byte(s), func(c byte) bool { return !plain(c) }) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case plain(c):
			b.WriteByte(c)
		case c > ' ' && c < 0x7f:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	return b.String()
}

// unescape reads the escapes of RFC 1035 section 5.1: \X and \DDD.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i >= len(s):
			return "", false
		case s[i] < '0' || s[i] > '9':
			b.WriteByte(s[i])
		case i+2 >= len(s):
			return "", false
		default:
			n, err := strconv.ParseUint(s[i:i+3], 10, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(n))
			i += 2
		}
	}
	return b.String(), true
}
