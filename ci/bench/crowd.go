package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	nameServe = "serve"
	nameCrowd = "crowd"
)

// crowd is how many tasks, or processes of sudo, are started at once.
const crowd = 100

// measureServe compares a task that is handed to a warm supervisor with sudo.
func (b *bench) measureServe(ctx context.Context) (line Line, err error) {
	s := b.site
	v, err := s.startServer(ctx)
	if err != nil {
		return Line{}, err
	}
	defer func() { err = errors.Join(err, v.stop()) }()
	alice := s.crowd[0]
	pairs, err := interleaved(ctx, b.pairs, 2*warmUps, func(ctx context.Context) (sample, error) {
		return v.runTask(ctx, alice)
	}, func(ctx context.Context) (sample, error) {
		return s.runSudo(ctx, alice)
	})
	if err != nil {
		return Line{}, err
	}
	return judged(Line{
		Name:    nameServe,
		Subject: "the same task through a running understudy-supervisor serve, from the connection to its socket to the word that the task ended",
		Floor:   "sudo -n -u alice true",
		Goal:    Goal{AtMost: 1.3},
	}, pairs), nil
}

// measureCrowd compares many tasks of several users at once with as many sudo.
func (b *bench) measureCrowd(ctx context.Context) (line Line, err error) {
	s := b.site
	v, err := s.startServer(ctx)
	if err != nil {
		return Line{}, err
	}
	defer func() { err = errors.Join(err, v.stop()) }()
	pairs, err := interleaved(ctx, b.pairs, 1, func(ctx context.Context) (sample, error) {
		return atOnce(s.crowd, func(u account) (sample, error) { return v.runTask(ctx, u) })
	}, func(ctx context.Context) (sample, error) {
		return atOnce(s.crowd, func(u account) (sample, error) { return s.runSudo(ctx, u) })
	})
	if err != nil {
		return Line{}, err
	}
	return judged(Line{
		Name:    nameCrowd,
		Subject: fmt.Sprintf("%d such tasks of %d users at once through understudy-supervisor serve", crowd, len(s.crowd)),
		Floor:   fmt.Sprintf("%d times sudo -n -u USER true at once, for the same users", crowd),
		Goal:    Goal{AtMost: 1.5},
	}, pairs), nil
}

// atOnce does something for each of a crowd, the users taking turns, and returns
// when the last is done. The error is the first one and how many there are.
func atOnce(users []account, do func(account) (sample, error)) (sample, error) {
	samples, failures := make([]sample, crowd), make([]error, crowd)
	var everybody sync.WaitGroup
	begin := time.Now()
	for i := range crowd {
		everybody.Go(func() { samples[i], failures[i] = do(users[i%len(users)]) })
	}
	everybody.Wait()
	all := sample{took: time.Since(begin)}
	for _, s := range samples {
		all.timeline = append(all.timeline, s.timeline...)
	}
	failures = slices.DeleteFunc(failures, func(err error) bool { return err == nil })
	if len(failures) > 0 {
		return all, fmt.Errorf("%d of %d failed, the first: %w", len(failures), crowd, failures[0])
	}
	return all, nil
}
