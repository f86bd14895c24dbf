package world

// event is something that happens at a time.
type event struct {
	at   float64
	kind kind
	who  int
}

type kind uint8

const (
	page    kind = iota // a client asks for one
	sample              // utilisation is counted
	report              // an agent measures
	arrive              // what agents published is known to the name servers
	tick                // a policy's second
	forge               // a forged question
	restart             // a new process of every name server
	hear                // name servers hear of each other's answers
)

// queue is a binary heap of events, earliest first. container/heap would box
// each of the millions.
type queue []event

func (q *queue) push(e event) {
	*q = append(*q, e)
	h := *q
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].at <= h[i].at {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
}

func (q *queue) pop() event {
	h := *q
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < len(h) && h[c].at < h[least].at {
				least = c
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*q = h
	return first
}
