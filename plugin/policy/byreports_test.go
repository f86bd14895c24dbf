package policy

import (
	"testing"
	"time"
)

// TestPolicyByReports: a Config without a policy.
func TestPolicyByReports(t *testing.T) {
	cfg := roomConfig()
	k := attend(t, "", cfg, nil, "a; b")
	for _, c := range []struct {
		name string
		at   float64
		pool string
		want string
	}{
		{"no reports", 0, "a; b", "weighted"},
		{"the first one", 10, "a load=0.3 at=10; b", "headroom"},
		{"no more of them", 20, "a; b", "headroom"},
		{"the last is nearly forgotten", 609, "a load=0.3 at=10; b", "headroom"},
		{"and is", 610, "a load=0.3 at=10; b", "weighted"},
		{"of a server that is gone", 620, "b", "weighted"},
		{"they are back", 630, "a load=0.3 at=629; b", "headroom"},
		{"the pool is lost", 640, "", "headroom"},
		{"for long", 1240, "a; b", "weighted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k.now = at(c.at)
			k.next(c.pool)
			if got := k.plan.Config.Policy; got != c.want {
				t.Errorf("policy %s, want %s", got, c.want)
			}
			if err := k.plan.Config.Check(); err != nil {
				t.Error(err)
			}
			k.pass(2 * time.Second)
			if choice := k.ask(keyOf(1)); choice.Keyed != (c.want == "headroom") {
				t.Errorf("drew %+v under %s", choice, c.want)
			}
		})
	}
}

// TestPolicyByReportsIsDue: the plan says when the policy would be another.
func TestPolicyByReportsIsDue(t *testing.T) {
	k := attend(t, "", roomConfig(), nil, "a load=0.3 at=0; b")
	for k.now.Before(at(601)) && !k.plan.Due.IsZero() {
		k.now = k.plan.Due
		k.next("a load=0.3 at=0; b")
	}
	if k.plan.Config.Policy != "weighted" || k.now.After(at(601)) {
		t.Errorf("policy %s at %v, %v after the last report", k.plan.Config.Policy, k.now, k.now.Sub(epoch))
	}
}
