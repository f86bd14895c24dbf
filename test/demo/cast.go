package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// overload is the load that the visitor's key sets: above the 0.90 at which a
// server is left out.
const overload = 0.95

// cast is everything that the visitor can do something to. Its methods are
// what keys and curl call; they tell what they did in words.
type cast struct {
	webs    []*web
	coredns *program
	agents  []*program // beside webs; empty without Consul
	consul  *program   // nil without
}

// errUnknown is for what does not exist, here or at all.
var errUnknown = errors.New("there is no such thing; GET / lists what there is")

func (c *cast) web(name string) (*web, error) {
	i := slices.IndexFunc(c.webs, func(w *web) bool { return w.name == name })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w", name, errUnknown)
	}
	return c.webs[i], nil
}

func (c *cast) agent(name string) (*program, error) {
	i := slices.IndexFunc(c.webs, func(w *web) bool { return w.name == name })
	if i < 0 || i >= len(c.agents) {
		return nil, fmt.Errorf("agent of %s: %w", name, errUnknown)
	}
	return c.agents[i], nil
}

// actions are what can be done to a server.
var actions = map[string]func(*web) (string, error){
	"stop":  func(w *web) (string, error) { w.stop(); return "stopped: connections are refused", nil },
	"start": func(w *web) (string, error) { return "started, with nothing held", w.start() },
	"slow":  func(w *web) (string, error) { w.setSlow(true); return "answers after 3 s only; start undoes it", nil },
}

func (c *cast) act(name, action string) (string, error) {
	w, err := c.web(name)
	if err != nil {
		return "", err
	}
	do, ok := actions[action]
	if !ok {
		return "", fmt.Errorf("%s: %w", action, errUnknown)
	}
	done, err := do(w)
	return name + " " + done, err
}

// hold sets a server's load: a number, or "auto" for the simulation.
func (c *cast) hold(name, text string) (string, error) {
	w, err := c.web(name)
	if err != nil {
		return "", err
	}
	if text == "auto" {
		w.hold(nil)
		return name + "'s load is simulated again", nil
	}
	load, err := strconv.ParseFloat(text, 64)
	if err != nil || !(load >= 0 && load <= 10) {
		return "", fmt.Errorf("load %q is neither auto nor a number within 0 and 10", text)
	}
	w.hold(&load)
	return fmt.Sprintf("%s's load is held at %.2f", name, load), nil
}

// unitActions are what can be done to a process.
var unitActions = map[string]func(*program) error{
	"start": (*program).start,
	"stop":  func(p *program) error { p.stop(); return nil },
	"kill":  func(p *program) error { p.kill(); return nil },
}

func actOn(p *program, action string) (string, error) {
	do, ok := unitActions[action]
	if !ok {
		return "", fmt.Errorf("%s: %w", action, errUnknown)
	}
	if err := do(p); err != nil {
		return "", err
	}
	if p.running() {
		return p.name + " runs", nil
	}
	return p.name + " does not run", nil
}

func (c *cast) actAgent(name, action string) (string, error) {
	p, err := c.agent(name)
	if err != nil {
		return "", err
	}
	return actOn(p, action)
}

func (c *cast) actConsul(action string) (string, error) {
	if c.consul == nil {
		return "", fmt.Errorf("consul: %w", errUnknown)
	}
	return actOn(c.consul, action)
}

// toggleOverload overloads a server, or takes the overload back.
func (c *cast) toggleOverload(name string) (string, error) {
	w, err := c.web(name)
	if err != nil {
		return "", err
	}
	if w.state().held != nil {
		return c.hold(name, "auto")
	}
	return c.hold(name, loadText(overload))
}

// toggleStop stops a server, or starts it.
func (c *cast) toggleStop(name string) (string, error) {
	w, err := c.web(name)
	if err != nil {
		return "", err
	}
	if w.state().stopped {
		return c.act(name, "start")
	}
	return c.act(name, "stop")
}

// toggleConsul stops Consul, or starts it.
func (c *cast) toggleConsul() (string, error) {
	if c.consul != nil && !c.consul.running() {
		return c.actConsul("start")
	}
	return c.actConsul("stop")
}

// end ends everything, those first that would complain about the others. The
// agents go together, since each takes a while to say goodbye.
func (c *cast) end() {
	var wg sync.WaitGroup
	for _, p := range c.agents {
		wg.Go(p.stop)
	}
	wg.Wait()
	c.coredns.stop()
	if c.consul != nil {
		c.consul.stop()
	}
	for _, w := range c.webs {
		w.end()
	}
}
