package probe

import (
	"container/heap"
	"time"
)

// task is one address that is asked again and again.
type task struct {
	server, address int // indices into Source.servers and server.addresses
	number          int // of the task, 0..n-1
	due             time.Time
	asked           uint64  // how often
	round           uint64  // the last in which it was done
	verdict         verdict // of its last check
}

// schedule holds the tasks that are not running, the next one first. A heap
// in one goroutine serves any number of servers with a single timer.
type schedule []*task

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(t any)        { *s = append(*s, t.(*task)) }

func (s *schedule) Pop() any {
	last := len(*s) - 1
	t := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return t
}

// add puts a task in.
func (s *schedule) add(t *task) { heap.Push(s, t) }

// take removes the next task if its time has come.
func (s *schedule) take(now time.Time) (*task, bool) {
	if len(*s) == 0 || (*s)[0].due.After(now) {
		return nil, false
	}
	return heap.Pop(s).(*task), true
}

// next is when the next task is due.
func (s schedule) next() (time.Time, bool) {
	if len(s) == 0 {
		return time.Time{}, false
	}
	return s[0].due, true
}
