package agent

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// Facts on which health rests.
type condition struct {
	drained    bool   // an operator's drain file exists
	failing    string // why the service's own check fails; empty if it does not
	overloaded bool
}

// judge is the server's health and the reason. The reason changes only with
// the health: Consul writes a check's changed output to its log too, so it
// must not carry the load of the moment.
func judge(c condition, limits pace.Limits) (pool.Health, string) {
	switch {
	case c.drained:
		return pool.Drained, "drained"
	case c.failing != "":
		return pool.Critical, c.failing
	case c.overloaded:
		return pool.Warning, fmt.Sprintf("overloaded: load went above %s and not yet below %s",
			percent(limits.High), percent(limits.Low))
	}
	return pool.Passing, "load below " + percent(limits.High)
}

// percent is a load as people read it.
func percent(load float64) string {
	return strconv.Itoa(int(math.Round(load*100))) + "%"
}

// verdict lets a few equal answers of the service's check in a row decide. The
// first answer decides at once.
type verdict struct {
	asked bool
	bad   bool
	run   int    // answers in a row that contradict
	why   string // of the last failure
}

// Answers in a row that it takes to change the verdict.
const (
	fall = 2
	rise = 2
)

func (v verdict) next(err error) verdict {
	failed := err != nil
	if failed {
		v.why = err.Error()
	}
	switch need := map[bool]int{true: fall, false: rise}[failed]; {
	case !v.asked:
		v.asked, v.bad = true, failed
	case failed == v.bad:
		v.run = 0
	case v.run+1 >= need:
		v.bad, v.run = failed, 0
	default:
		v.run++
	}
	return v
}

// failing is why the service counts as down; empty while it does not.
func (v verdict) failing() string {
	if !v.bad {
		return ""
	}
	return v.why
}
