package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// legacy is what a process leaves for the next one.
type legacy struct {
	none   bool // no pools
	memory oracle.Memory
	drains []oracle.Drains // one of these
}

// forget takes a file out of it.
func (l *legacy) forget(file string) {
	if file == poolsFile {
		l.none = true
		return
	}
	l.drains = []oracle.Drains{{}}
}

// returns counts starts that followed an end.
type returns struct {
	inOutage, blank int
	slowest         time.Duration // that found state, until there was an answer
	oldest          time.Duration // state that was on disk when a process ended
}

// What is wrong with ends and starts.
const (
	badEnd    oracle.Kind = "bad end"
	lateStart oracle.Kind = "late start"
	unkept    oracle.Kind = "state not kept"
)

// restart ends the process as an operator would, or kills it, and starts it again
// while Consul is well.
func (s *stage) restart(kill bool) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(_ context.Context, _ *rand.Rand, note func(string, ...any) func()) error {
		s.faults.Lock()
		defer s.faults.Unlock()
		return s.away(kill, note, nil)
	}
}

// away ends the process in some way and starts it again, while nobody gives orders.
// Between the two something may happen to what it left.
func (s *stage) away(kill bool, note func(string, ...any) func(), between func(*legacy) error) error {
	s.files.Lock()
	defer s.files.Unlock()
	defer note("")()
	return s.turn(kill, between)
}

// turn is away, while nobody changes files.
func (s *stage) turn(kill bool, between func(*legacy) error) error {
	s.alive.Lock()
	defer s.alive.Unlock()
	left, err := s.endProcess(kill)
	if err == nil && between != nil {
		err = between(&left)
	}
	if err != nil {
		return err
	}
	return s.startProcess(left)
}

// endProcess ends the process, and tells what it must have left. What comes before
// the lame duck's end must be answered.
func (s *stage) endProcess(kill bool) (left legacy, err error) {
	status, err := s.status()
	if err != nil {
		return left, err
	}
	at := s.clock.now()
	signal, away := syscall.SIGKILL, at
	if !kill {
		signal, away = syscall.SIGTERM, at+lameduck
	}
	s.model.Down(away)
	if err := s.process.signal(signal); err != nil {
		return left, err
	}
	state, err := s.process.wait(stopLimit)
	if err != nil {
		return left, err
	}
	if !kill && !state.Success() {
		s.examiner.fault(badEnd, "coredns ended with %v on SIGTERM", state)
	}
	return s.inherit(at, kill, status.State)
}

// inherit is what the process has left on disk that was ended at a time: at its end
// it writes everything, and before that within some seconds of a change, and what
// operators say at once.
func (s *stage) inherit(at time.Duration, kill bool, told *control.StateStatus) (left legacy, err error) {
	since, failing := s.state.unwritten(at)
	all := !kill && !failing
	left.memory = s.found // if it wrote nothing
	orders := since - s.settings.limits.Operator
	switch {
	case all:
		left.memory, orders = oracle.Memory{Since: at}, at
	case !told.Current.IsZero():
		left.memory = oracle.Memory{Since: min(s.clock.of(told.Current), at)}
	}
	left.drains = s.model.DrainsSince(orders)
	if since == at {
		s.checkAge(at - max(left.memory.Since, s.up))
	}
	for _, file := range []string{poolsFile, overridesFile} {
		lost, err := s.state.lost(file)
		if err != nil {
			return left, err
		}
		if lost {
			left.forget(file)
		}
		if lost && all {
			s.examiner.fault(unkept, "%s was not written at the end", file)
		}
	}
	return left, nil
}

// checkAge checks how old what is on disk is, where nothing kept it from being written.
func (s *stage) checkAge(age time.Duration) {
	s.returns.oldest = max(s.returns.oldest, age)
	if age > s.settings.keeping {
		s.examiner.fault(unkept, "what is on disk is %v old", age)
	}
}

// startProcess starts coredns, which finds what the one before has left.
func (s *stage) startProcess(left legacy) error {
	began := s.clock.now()
	if left.none {
		s.model.Start(began)
		s.returns.blank++
	} else {
		s.model.Resume(began, left.memory)
	}
	s.found = left.memory
	for _, d := range left.drains {
		s.model.BeginDrains(began, d)
	}
	knows := !left.none && s.model.Knows(began)
	if err := s.process.start(s.always); err != nil {
		return err
	}
	s.up = s.clock.now()
	s.model.Up(s.up)
	if s.outage.lasts {
		s.returns.inOutage++
	}
	if took := s.up - began; knows {
		s.returns.slowest = max(s.returns.slowest, took)
		if took > s.settings.resume {
			s.examiner.fault(lateStart, "the start took %v, though all pools are known from before", took)
		}
	}
	return s.heed(left.drains, knows)
}

// heed asks the new process for operators' orders, which must be what one was left
// with, and for the age of its pools.
func (s *stage) heed(left []oracle.Drains, knows bool) error {
	status, err := s.status()
	if err != nil {
		return err
	}
	drains := oracle.Drains{}
	for _, o := range status.Overrides {
		drains[o.Server] = true
	}
	if !slices.ContainsFunc(left, func(d oracle.Drains) bool { return maps.Equal(d, drains) }) {
		s.examiner.fault(unkept, "drained are %v, which should be one of %v", drains, left)
	}
	s.model.BeginDrains(s.clock.now(), drains)
	s.model.DoneDrains(s.clock.now())
	if knows {
		s.checkAges(status.Sources)
	}
	return nil
}

// status is what the process tells by its control socket.
func (s *stage) status() (control.Status, error) {
	ctx, cancel := context.WithTimeout(s.always, 10*time.Second)
	defer cancel()
	status, err := s.control.Status(ctx)
	if err == nil && status.State == nil {
		err = fmt.Errorf("it keeps no state: %+v", status)
	}
	return status, err
}
