package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const nameMemory = "memory"

// memoryBudget bounds how long a crowd may take to be complete.
const memoryBudget = 2 * time.Minute

// memory is what a process holds, in bytes: its share of what it has in common
// with others included, or only what is its own and written to.
type memory struct{ share, own float64 }

func (m memory) plus(o memory) memory  { return memory{m.share + o.share, m.own + o.own} }
func (m memory) minus(o memory) memory { return memory{m.share - o.share, m.own - o.own} }

// measureMemory lets a crowd of tasks live at once, each about to report its
// state, and reads how much larger the supervisor is than after its first task.
// Programs that run tasks (sudo, the runner) do not count; they are the tasks.
func (b *bench) measureMemory(ctx context.Context) (Line, error) {
	rounds := max(1, b.pairs/10)
	var total, server, serverOwn, keepers, keepersOwn, count []float64
	for range rounds {
		before, peak, err := b.site.memoryRound(ctx)
		if err != nil {
			return Line{}, err
		}
		grown, kept := peak.server.minus(before.server), peak.keepers.minus(before.keepers)
		each := func(bytes float64) float64 { return bytes / crowd / (1 << 20) }
		total = append(total, each(grown.share+kept.share))
		server, serverOwn = append(server, each(grown.share)), append(serverOwn, each(grown.own))
		keepers, keepersOwn = append(keepers, each(kept.share)), append(keepersOwn, each(kept.own))
		count = append(count, float64(peak.count))
	}
	l := Line{
		Name:    nameMemory,
		Subject: fmt.Sprintf("growth of understudy-supervisor serve with all its keeper processes, proportional set size, while %d tasks of %d users live", crowd, len(b.site.crowd)),
		Goal:    Goal{AtMost: 1},
		Unit:    "MiB a task",
		Pairs:   rounds,
		Value:   spreadOf(total),
	}
	for _, f := range []struct {
		name   string
		values []float64
	}{
		{"server, proportional set size", server}, {"server, private dirty", serverOwn},
		{"keepers, proportional set size", keepers}, {"keepers, private dirty", keepersOwn},
	} {
		l.Facts = append(l.Facts, Fact{f.name, fmt.Sprintf("%.3f MiB a task", spreadOf(f.values).Median)})
	}
	l.Facts = append(l.Facts, Fact{"keeper processes at the peak", fmt.Sprintf("%.0f", spreadOf(count).Median)})
	l.Met = l.Goal.Holds(l.Value.Median)
	return l, nil
}

// footprint is the supervisor at one moment.
type footprint struct {
	server, keepers memory
	count           int // keepers
}

func (s *site) memoryRound(ctx context.Context) (before, peak footprint, err error) {
	ctx, cancel := context.WithTimeout(ctx, memoryBudget)
	defer cancel()
	patience := strconv.Itoa(int(memoryBudget.Seconds()))
	v, err := s.startServer(ctx, "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT="+patience, "AIRFLOW__UNDERSTUDY__TERMINAL_TIMEOUT="+patience)
	if err != nil {
		return before, peak, err
	}
	defer func() { err = errors.Join(err, v.stop()) }()
	if _, err = v.runTask(ctx, s.crowd[0]); err != nil {
		return before, peak, err
	}
	if before, err = v.footprint(); err != nil {
		return before, peak, err
	}
	gate := s.api.hold()
	ended := make(chan error, 1)
	go func() {
		_, err := atOnce(s.crowd, func(u account) (sample, error) { return v.runTask(ctx, u) })
		ended <- err
	}()
	err = gate.wait(ctx, crowd)
	if err == nil {
		peak, err = v.footprint()
	}
	if err == nil && peak.count < crowd { // what is not seen would count for nothing
		err = fmt.Errorf("%d keepers were seen while %d tasks lived", peak.count, crowd)
	}
	s.api.release(gate)
	return before, peak, errors.Join(err, <-ended)
}

// footprint reads the supervisor's processes: itself, and those of its children
// that run a program of the reference.
func (v *server) footprint() (footprint, error) {
	var f footprint
	var err error
	if f.server, err = memoryOf(v.pid); err != nil {
		return f, err
	}
	for _, child := range allChildrenOf(v.pid) {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", child))
		if err != nil || !strings.HasPrefix(exe, v.site.bin+"/") {
			continue // sudo, which is a task's
		}
		m, err := memoryOf(child)
		if err != nil {
			return f, err
		}
		f.keepers, f.count = f.keepers.plus(m), f.count+1
	}
	return f, nil
}

func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return memory{}, fmt.Errorf("read memory of pid %d: %w", pid, err)
	}
	var m memory
	for _, want := range []struct {
		name string
		into *float64
	}{{"Pss:", &m.share}, {"Private_Dirty:", &m.own}} {
		_, rest, found := strings.Cut(string(text), "\n"+want.name)
		fields := strings.Fields(rest)
		if !found || len(fields) < 2 || fields[1] != "kB" {
			return m, fmt.Errorf("read memory of pid %d: no %s in kB", pid, want.name)
		}
		kilobytes, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return m, fmt.Errorf("read memory of pid %d: %w", pid, err)
		}
		*want.into = kilobytes * 1024
	}
	return m, nil
}
