package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/test/sim/world"
)

// subject is a policy with a number of addresses in its answers.
type subject struct {
	Policy  string `json:"policy"`
	Answers int    `json:"answers"`
}

func (s subject) String() string {
	if s.Answers == 1 {
		return s.Policy
	}
	return fmt.Sprintf("%s:%d", s.Policy, s.Answers)
}

// ours tells whether it must learn everything from questions and reports.
func (s subject) ours() bool {
	return s.Policy == "headroom" || s.Policy == "weighted" || s.Policy == "hash"
}

// parseSubjects reads a list like "rr,headroom,headroom:2".
func parseSubjects(list string) ([]subject, error) {
	var out []subject
	for word := range strings.SplitSeq(list, ",") {
		name, count, several := strings.Cut(strings.TrimSpace(word), ":")
		s := subject{Policy: name, Answers: 1}
		if several {
			n, err := strconv.Atoi(count)
			if err != nil || n < 1 || n > policy.MaxAnswers {
				return nil, fmt.Errorf("policy %q: the number of addresses %q is not within 1 and %d", word, count, policy.MaxAnswers)
			}
			s.Answers = n
		}
		if err := policy.Known(name); err != nil && name != world.Oracle && name != world.Ideal || name == "" {
			return nil, fmt.Errorf("unknown policy %q: it is %s, %s, or one of %s; add :2 for two addresses",
				name, world.Oracle, world.Ideal, strings.Join(policy.Names(), ", "))
		}
		out = append(out, s)
	}
	return out, nil
}

// subjects are known to be well written.
func subjects(list string) []subject {
	out, err := parseSubjects(list)
	if err != nil {
		panic(err)
	}
	return out
}

const (
	everybody = "least-load,rr,rr2,prr2-ttl1,drr2-ttls1,dal,mrl,prr2-ttl2,drr2-ttls2,prr2-ttlk,drr2-ttlsk,ideal,weighted,headroom,headroom:2,oracle"
	contest   = "mrl,drr2-ttlsk,headroom,headroom:2,oracle"
	sweepers  = "mrl,drr2-ttlsk,headroom,headroom:2"
)
