package main

import (
	"context"
	"fmt"
	"path/filepath"
)

const (
	nameRun     = "run"
	nameAirflow = "airflow"
)

// measureRun compares a supervisor process for one task with sudo for one process.
func (b *bench) measureRun(ctx context.Context) (Line, error) {
	s := b.site
	alice := s.crowd[0]
	pairs, err := interleaved(ctx, b.pairs, warmUps, func(ctx context.Context) (sample, error) {
		return s.runTask(ctx, alice, "probe.yaml", s.reference)
	}, func(ctx context.Context) (sample, error) {
		return s.runSudo(ctx, alice)
	})
	if err != nil {
		return Line{}, err
	}
	parts, err := b.parts(ctx)
	if err != nil {
		return Line{}, err
	}
	return judged(Line{
		Name:    nameRun,
		Subject: "impersonated no-op task by understudy-supervisor run --workload",
		Floor:   "sudo -n -u alice true",
		Goal:    Goal{AtMost: 1.8},
		Parts:   parts,
	}, pairs), nil
}

// measureAirflow compares Airflow's supervisor and runner with the reference on
// the same task. Airflow is the floor: the value says how many times faster the
// reference is.
func (b *bench) measureAirflow(ctx context.Context) (Line, error) {
	s := b.site
	alice := s.crowd[0]
	airflow := func(workload string) []string {
		return []string{b.python, "-m", "airflow.sdk.execution_time.execute_workload", "--json-path", workload}
	}
	pairs, err := interleaved(ctx, max(1, b.pairs/6), 1, func(ctx context.Context) (sample, error) {
		return s.runTask(ctx, alice, "probe.yaml", s.reference)
	}, func(ctx context.Context) (sample, error) {
		return s.runTask(ctx, alice, "probe.py", airflow)
	})
	if err != nil {
		return Line{}, err
	}
	return judged(Line{
		Name:    nameAirflow,
		Subject: "impersonated no-op task by understudy-supervisor run --workload",
		Floor:   "the same workload by python -m airflow.sdk.execution_time.execute_workload",
		Goal:    Goal{AtLeast: 100},
	}, pairs), nil
}

// reference is the command line of the reference supervisor for a workload.
func (s *site) reference(workload string) []string {
	return []string{
		filepath.Join(s.bin, "understudy-supervisor"), "run", "--workload", workload,
		"--runner", filepath.Join(s.bin, "understudy-runner"),
	}
}

// runTask runs one task by a process of its own, from its start until it has
// ended, and proves that the task ran.
func (s *site) runTask(ctx context.Context, u account, dag string, argv func(workload string) []string) (sample, error) {
	t := s.newTrial(u)
	defer s.api.forget(t)
	name := filepath.Join("workloads", t.instance.ID+".json")
	if err := s.write(name, string(t.workload(dag)), 0o640); err != nil {
		return sample{}, err
	}
	begin, end, err := s.timed(ctx, argv(filepath.Join(s.dir, name)), s.environment())
	if err != nil {
		return sample{}, err
	}
	if err := t.proved(); err != nil {
		return sample{}, fmt.Errorf("%w%s", err, s.said())
	}
	return sample{end.Sub(begin), t.timeline(begin, end)}, nil
}

func (s *site) runSudo(ctx context.Context, u account) (sample, error) {
	begin, end, err := s.timed(ctx, s.sudo(u), s.environment())
	return sample{took: end.Sub(begin)}, err
}

// parts measures, one after the other, what a task is made of: it cannot cost less
// than sudo that starts a runner.
func (b *bench) parts(ctx context.Context) ([]Phase, error) {
	s := b.site
	runner, supervisor := filepath.Join(s.bin, "understudy-runner"), filepath.Join(s.bin, "understudy-supervisor")
	programs := [][]string{
		{"/bin/true"},
		{runner, "version"},
		{supervisor, "version"},
		s.sudo(s.crowd[0]),
		{"sudo", "-n", "-u", s.crowd[0].name, runner, "version"},
	}
	values := make([][]float64, len(programs))
	for range b.pairs {
		for i, argv := range programs {
			begin, end, err := s.timed(ctx, argv, s.environment())
			if err != nil {
				return nil, err
			}
			values[i] = append(values[i], inMilliseconds(end.Sub(begin)))
		}
	}
	names := []string{"true", "understudy-runner version", "understudy-supervisor version", "sudo -n -u alice true", "sudo -n -u alice understudy-runner version"}
	var parts []Phase
	for i, name := range names {
		parts = append(parts, Phase{name, spreadOf(values[i])})
	}
	return parts, nil
}
