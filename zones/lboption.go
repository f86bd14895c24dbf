package zones

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is one NAME=VALUE of an LB record.
type option struct {
	set     func(lb *LB, value string) *mistake
	example string // a value for messages
	needs   string // the source that it fits; "" for both
}

// options are all of them, by name.
var options map[string]option

func init() {
	// Filled here because the functions' messages refer back to the map.
	options = map[string]option{
		"policy":    {setPolicy, "headroom", ""},
		"answers":   {setAnswers, "2", ""},
		"min-ttl":   {setMinTTL, "30", ""},
		"mean-ttl":  {setMeanTTL, "120", ""},
		"session":   {setSession, "5m", ""},
		"up-thresh": {setUpThresh, "0.5", ""},
		"empty":     {setEmpty, "all", ""},
		"sticky":    {setSticky, "24/56", ""},
		"ramp":      {setRamp, "30s", ""},
		"tag":       {setTag, "v2", Consul},
		"dc":        {setDC, "dc1", Consul},
		"via":       {setVia, "vip", Consul},
		"check":     {setCheck, "http:/healthz", SRV},
		"host":      {setHost, "www.example.org", SRV},
		"every":     {setEvery, "2s", SRV},
		"timeout":   {setTimeout, "1s", SRV},
		"rise":      {setRise, "2", SRV},
		"fall":      {setFall, "3", SRV},
	}
}

func setPolicy(lb *LB, v string) *mistake {
	if !printable(v) {
		return wrong("write `policy=headroom`", "policy %q has blanks in it", v)
	}
	lb.Policy = v
	return nil
}

func setAnswers(lb *LB, v string) (m *mistake) {
	lb.Answers, m = number("answers", v, 1, 32)
	return m
}

func setMinTTL(lb *LB, v string) (m *mistake) {
	lb.MinTTL, m = ttl("min-ttl", v)
	return m
}

func setMeanTTL(lb *LB, v string) (m *mistake) {
	lb.MeanTTL, m = ttl("mean-ttl", v)
	return m
}

func setSession(lb *LB, v string) (m *mistake) {
	lb.Session, m = span("session", v, time.Second, 24*time.Hour)
	return m
}

// ttl reads an option that is a TTL.
func ttl(option, v string) (time.Duration, *mistake) {
	d, m := span(option, v, time.Second, 7*24*time.Hour)
	if m == nil && d%time.Second != 0 {
		return d, wrong(fmt.Sprintf("write whole seconds, like `%s=%s`", option, options[option].example),
			"%s=%s is not whole seconds, as DNS needs", option, v)
	}
	return d, m
}

func setUpThresh(lb *LB, v string) *mistake {
	text, percent := strings.CutSuffix(v, "%")
	f, err := strconv.ParseFloat(text, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return wrong("write a share like `up-thresh=0.5` or `up-thresh=50%`", "up-thresh=%s is not within 0 and 1", v)
	}
	lb.UpThresh = f
	if f == 0 {
		lb.UpThresh = Off
	}
	return nil
}

func setEmpty(lb *LB, v string) *mistake {
	switch word := strings.ToLower(v); word {
	case EmptyAll, EmptyLast, EmptyNone:
		lb.Empty = word
		return nil
	}
	name, ok := relative(v)
	if !ok {
		return wrong("write all, last, none or the name to answer with instead", "empty=%s is not a domain name", v)
	}
	// A name spelled as one of the words can only be meant as absolute.
	lb.Empty, lb.Fallback = EmptyFallback, name
	return nil
}

func setSticky(lb *LB, v string) *mistake {
	if strings.EqualFold(v, "off") {
		lb.Sticky = [2]int{Off, Off}
		return nil
	}
	v4, v6, both := strings.Cut(v, "/")
	a, err := strconv.Atoi(v4)
	b, err6 := 1, error(nil)
	if both {
		b, err6 = strconv.Atoi(v6)
	}
	if err != nil || err6 != nil || a < 1 || a > 32 || b < 1 || b > 128 {
		return wrong("write prefix lengths like `sticky=24/56`, `sticky=24`, or `sticky=off`",
			"sticky=%s is not an IPv4 prefix length of 1..32 and an IPv6 one of 1..128", v)
	}
	lb.Sticky[0] = a
	if both {
		lb.Sticky[1] = b
	}
	return nil
}

func setRamp(lb *LB, v string) (m *mistake) {
	lb.Ramp, m = span("ramp", v, 0, time.Hour)
	if m == nil && lb.Ramp == 0 {
		lb.Ramp = Off
	}
	return m
}

func setTag(lb *LB, v string) *mistake {
	for tag := range strings.SplitSeq(v, ",") {
		switch {
		case !printable(tag):
			return wrong("write `tag=a,b` or `tag=a tag=b`", "tag=%s has an empty tag or one with blanks", v)
		case slices.Contains(lb.Tags, tag):
			return wrong("keep one of them", "tag %s is given twice", tag)
		case len(lb.Tags) == 16:
			return wrong("leave some out", "more than 16 tags")
		}
		lb.Tags = append(lb.Tags, tag)
	}
	return nil
}

func setDC(lb *LB, v string) *mistake {
	if !word(v) {
		return wrong("write the datacenter as Consul names it, like `dc=dc1`", "dc=%s is not a datacenter's name", v)
	}
	lb.DC = v
	return nil
}

func setVia(lb *LB, v string) *mistake {
	if v != "vip" {
		return wrong("write `via=vip` for the directors' VIPs, or leave it out for the servers", "via=%s is unknown", v)
	}
	lb.Via = v
	return nil
}

func setEvery(lb *LB, v string) (m *mistake) {
	lb.Every, m = span("every", v, 100*time.Millisecond, time.Hour)
	return m
}

func setTimeout(lb *LB, v string) (m *mistake) {
	lb.Timeout, m = span("timeout", v, 10*time.Millisecond, time.Minute)
	return m
}

func setRise(lb *LB, v string) (m *mistake) {
	lb.Rise, m = number("rise", v, 1, 100)
	return m
}

func setFall(lb *LB, v string) (m *mistake) {
	lb.Fall, m = number("fall", v, 1, 100)
	return m
}

// number reads an option's count and checks its bounds.
func number(option, v string, low, high int) (int, *mistake) {
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		return 0, wrong(fmt.Sprintf("write a number, like `%s=%s`", option, options[option].example),
			"%s=%s is not within %d and %d", option, v, low, high)
	}
	return n, nil
}

// span reads an option's duration, in seconds unless it says otherwise, and
// checks its bounds.
func span(option, v string, low, high time.Duration) (time.Duration, *mistake) {
	text := v
	if _, err := strconv.ParseUint(v, 10, 32); err == nil {
		text += "s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high || strings.ContainsAny(v, "+-") {
		return 0, wrong(fmt.Sprintf("write seconds or a duration, like `%s=%s`", option, options[option].example),
			"%s=%s is not within %s and %s", option, v, cmp.Or(duration(low), "0"), duration(high))
	}
	return d, nil
}

// word tells whether v is made of letters, digits, dots, hyphens and underscores.
func word(v string) bool {
	return v != "" && !strings.ContainsFunc(v, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return false
		}
		return !strings.ContainsRune("-_.", r)
	})
}
