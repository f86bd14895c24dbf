package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"
)

// stateLane does something to the state directory while the process runs.
func (s *stage) stateLane() lane {
	l := lane{name: "state", every: s.pace(10 * time.Second), ops: []op{
		{name: "state directory gone for a while", share: 2, fault: true, do: s.loseStateDir},
	}}
	if runtime.GOOS == "linux" {
		l.ops = append(l.ops, op{name: "no room for state", share: 3, fault: true, do: s.fillDisk})
	}
	for i := range damages {
		if how := &damages[i]; !how.whole { // else it would soon be as good as before
			l.ops = append(l.ops, op{name: "state " + how.name + " in use", share: 1, fault: true, do: s.spoilState(how)})
		}
	}
	return l
}

// spoilState damages a file that only the next process would read. This one may
// write it anew before.
func (s *stage) spoilState(how *damage) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
		file := []string{poolsFile, overridesFile}[r.IntN(2)]
		s.alive.RLock() // else the next one might be reading
		defer s.alive.RUnlock()
		defer note("%s", file)()
		_, err := s.state.harm(r, file, how)
		return err
	}
}

// loseStateDir removes the directory, and makes it again. Nothing is started
// meanwhile: a Corefile that names it is refused.
func (s *stage) loseStateDir(ctx context.Context, r *rand.Rand, note func(string, ...any) func()) error {
	s.files.Lock()
	defer s.files.Unlock()
	defer note("")()
	s.state.beginFailing(s.clock.now())
	if err := s.state.vanish(); err != nil {
		return err
	}
	sleep(ctx, s.pace(between(r, 0, 6*time.Second)))
	err := s.state.make()
	s.state.endFailing(s.clock.now() + s.settings.keeping)
	return err
}

// fillDisk lets the process write only small files, or none, until it has noticed,
// and for a while after.
func (s *stage) fillDisk(ctx context.Context, r *rand.Rand, note func(string, ...any) func()) error {
	bytes := []uint64{0, 1 << 10}[r.IntN(2)]
	defer note("above %d bytes", bytes)()
	l, err := s.limitState(nil, bytes)
	if err != nil {
		return err
	}
	if s.troubled(l, true) {
		sleep(ctx, s.pace(between(r, 0, 6*time.Second)))
	}
	if _, err := s.limitState(l, noLimit); err != nil {
		return err
	}
	s.troubled(l, false)
	return nil
}

// limitState sets the limit of a life of the process, or of the present one, unless
// that has ended.
func (s *stage) limitState(of *life, bytes uint64) (*life, error) {
	s.alive.RLock()
	defer s.alive.RUnlock()
	l := s.process.current()
	if of != nil && of != l {
		s.state.endFailing(s.clock.now())
		return l, nil
	}
	if bytes != noLimit {
		s.state.beginFailing(s.clock.now())
	}
	err := limitFiles(l.Pid(), bytes)
	if bytes == noLimit {
		s.state.endFailing(s.clock.now() + s.settings.keeping)
	}
	return l, err
}

// troubled waits until a life of the process tells that it cannot write its state,
// or that it can, and tells whether it lived to do so.
func (s *stage) troubled(l *life, want bool) bool {
	told := s.within(s.settings.keeping, func() bool {
		if s.process.current() != l {
			return true
		}
		status, err := s.status()
		return err == nil && (status.State.Err != "") == want
	})
	lives := s.process.current() == l
	if !told && lives {
		s.examiner.fault(unnoticed, "whether state can be written: %t was not told within %v", !want, s.settings.keeping)
	}
	return lives
}
