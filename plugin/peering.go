package ballast

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/secret"
	"github.com/ballast-lb/ballast/plugin/peers"
	"github.com/ballast-lb/ballast/plugin/policy"

	"golang.org/x/time/rate"
)

const (
	wordsWait = 50 * time.Millisecond // for others that go with them
	beatEvery = 10 * time.Second      // word of being there
	silence   = 3 * beatEvery         // from when on a peer counts as away
	// wordsAtOnce fit into a datagram, if answers have two servers.
	wordsAtOnce = 32
	// maxDatagrams bounds what a flood of questions makes of us, a second: some
	// 30,000 answers.
	maxDatagrams = 1000
	wordsQueue   = 4096
)

// peering tells other name servers of our answers, and hears of theirs.
type peering struct {
	listen   netip.AddrPort
	others   []netip.AddrPort
	secret   *secret.File
	queue    chan told
	exchange *peers.Exchange // from the start on
	opened   time.Time
	absent   *absent
	refused  *rate.Sometimes
}

// absent are the peers that are away, as logged.
type absent struct {
	mu    sync.Mutex
	peers map[string]bool
}

// note tells whether that is news.
func (a *absent) note(peer string, away bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	news := a.peers[peer] != away
	a.peers[peer] = away
	return news
}

// told is an answer that peers are to know of.
type told struct {
	steer  *steer
	plan   *policy.Plan
	query  policy.Query
	choice policy.Choice
}

func newPeering(listen netip.AddrPort, others []netip.AddrPort, secret *secret.File) *peering {
	return &peering{listen: listen, others: others, secret: secret, queue: make(chan told, wordsQueue),
		refused: &rate.Sometimes{First: 1, Interval: time.Minute}}
}

// open listens. It fails for an address that is not this machine's.
func (p *peering) open(memory *peers.Memory, absent *absent) (err error) {
	p.opened, p.absent = time.Now(), absent
	if p.exchange, err = peers.Open(p.listen, p.others, p.secret, memory); err != nil {
		return fmt.Errorf("peers: %w; the first address after the secret's file must be one of this machine", err)
	}
	return nil
}

// tell notes an answer. Nothing waits for peers: what they cannot be told in time
// they do not hear.
func (p *peering) tell(s *steer, plan *policy.Plan, q *policy.Query, c *policy.Choice) {
	select {
	case p.queue <- told{s, plan, *q, *c}:
	default:
		wordsDropped.Inc()
	}
}

func (t *told) word() peers.Word {
	w := peers.Word{
		Name: t.steer.place, Family: uint8(t.query.Family), Key: t.query.Key,
		TTL: t.choice.TTL, At: t.query.Now, N: t.choice.N,
	}
	for i, m := range t.choice.Members[:t.choice.N] {
		w.Servers[i] = peers.Hash(t.plan.Members[m].Server.ID)
	}
	return w
}

// send sends what is told until ctx ends.
func (p *peering) send(ctx context.Context) {
	beat, wait := time.NewTicker(beatEvery), time.NewTimer(wordsWait)
	defer beat.Stop()
	defer wait.Stop()
	allowed := rate.NewLimiter(maxDatagrams, maxDatagrams/10)
	var words []peers.Word
	p.exchange.Send(nil, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-beat.C:
			p.exchange.Send(nil, now)
			p.watch(now)
			continue
		case t := <-p.queue:
			if words = append(words, t.word()); len(words) == 1 {
				wait.Reset(wordsWait)
			}
			if len(words) < wordsAtOnce {
				continue
			}
		case <-wait.C:
		}
		words = p.flush(words, allowed)
	}
}

func (p *peering) flush(words []peers.Word, allowed *rate.Limiter) []peers.Word {
	now := time.Now()
	switch {
	case len(words) == 0:
	case allowed.TokensAt(now) >= 1:
		allowed.ReserveN(now, p.exchange.Send(words, now)) // of words that are long it makes several
		wordsTold.Add(float64(len(words)))
	default:
		wordsDropped.Add(float64(len(words)))
	}
	return words[:0]
}

// watch logs who went away or came. Whoever starts with us has time to.
func (p *peering) watch(now time.Time) {
	for _, s := range p.exchange.Peers() {
		trouble := troubleOf(s, now)
		switch {
		case trouble != "" && s.Err == nil && now.Sub(p.opened) <= silence:
		case !p.absent.note(s.Peer, trouble != ""):
		case trouble != "":
			log.Warningf("peer %s: %s; it learns nothing of our answers, or we of its", s.Peer, trouble)
		default:
			log.Infof("peer %s: is there again", s.Peer)
		}
	}
}

// troubleOf is what is wrong with a peer; empty for nothing.
func troubleOf(s peers.Status, now time.Time) string {
	switch {
	case s.Err != nil:
		return s.Err.Error()
	case s.Heard.IsZero():
		return "was never heard of: does it run, with the same secret, and let UDP through?"
	case now.Sub(s.Heard) > silence:
		return fmt.Sprintf("was not heard of for %s", now.Sub(s.Heard).Round(time.Second))
	}
	return ""
}

// peerStatus is what the control socket tells.
func (h *hub) peerStatus(now time.Time) (list []control.PeerStatus) {
	if h.peering == nil {
		return nil
	}
	for _, s := range h.peering.exchange.Peers() {
		list = append(list, control.PeerStatus{Peer: s.Peer, Heard: s.Heard, Err: troubleOf(s, now)})
	}
	return list
}

// receive takes in what peers tell until the exchange is closed.
func (p *peering) receive(h *hub) {
	names := &namesHeard{hub: h}
	p.exchange.Receive(
		func(w *peers.Word) {
			if names.take(w) {
				wordsHeard.Inc()
			} else {
				wordsUnknown.Inc()
			}
		},
		func(from netip.AddrPort, err error) {
			peersRefused.WithLabelValues(peers.Reason(err)).Inc()
			p.refused.Do(func() { log.Warningf("peers: a datagram from %s was refused: %v", from, err) })
		})
}
