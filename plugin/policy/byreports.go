package policy

import "time"

// The policies of a Config that names none.
const (
	withReports    = "headroom"
	withoutReports = "weighted"
)

// reportsForgotten is how long after the last report that could be used the
// policy changes: until then it has ways of its own to do with old ones.
const reportsForgotten = 10 * time.Minute

// byReports is what draws where a Config names no policy: that which Next has
// settled on for the plan.
type byReports struct {
	*headroom
	weighted
}

func newByReports(o Options) Policy {
	return byReports{headroom: newHeadroom(o).(*headroom)}
}

// Draw implements Policy.
func (b byReports) Draw(p *Plan, q Query) Choice {
	if p.Config.Policy == withReports {
		return b.headroom.Draw(p, q)
	}
	return b.weighted.Draw(p, q)
}

// Adopt implements Learner.
func (b byReports) Adopt(p *Plan) {
	if p.Config.Policy == withReports {
		b.headroom.Adopt(p)
	}
}

// settle names the policy of the moment: headroom as soon as a server reports
// its load.
func (m *moment) settle() {
	m.reported = m.prev.lastReported()
	if m.in.Pool != nil {
		for i := range m.in.Pool.Servers {
			if at := m.in.Pool.Servers[i].Load.At; at.After(m.reported) {
				m.reported = at
			}
		}
	}
	name := m.cfg.Policy
	if name == "" {
		name = withoutReports
		if !m.reported.IsZero() && m.in.Now.Sub(m.reported) < reportsForgotten {
			name, m.forgets = withReports, m.reported.Add(reportsForgotten)
		}
	}
	m.cfg = m.cfg.settled(name).clamped()
}
