package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// removeLimit is how long the engine may take to end and remove a container.
const removeLimit = 30 * time.Second

// Removed is a container that was removed, and the run that it was of, by their ids.
type Removed struct{ Container, Run string }

// Sweep removes the containers, started or not, whose outer command has ended
// without them; with all, those of living runs as well, also of other machines
// and other pid namespaces that use the engine. It says which those were. Without an engine the
// error wraps sandbox.ErrUnavailable.
func Sweep(ctx context.Context, all bool) (removed []Removed, err error) {
	engine, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	return sweep(ctx, engine, all)
}

func sweep(ctx context.Context, engine client.APIClient, all bool) (removed []Removed, err error) {
	found, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", runLabel)})
	if err != nil {
		return nil, fmt.Errorf("docker: list containers of earlier runs: %w", err)
	}
	own := labels("")
	var failed []error
	for _, c := range found.Items {
		if !all && !orphaned(c.Labels, own, alive) {
			continue
		}
		if err := remove(ctx, engine, c.ID); err != nil {
			failed = append(failed, err)
			continue
		}
		removed = append(removed, Removed{Container: c.ID, Run: c.Labels[runLabel]})
	}
	return removed, errors.Join(failed...)
}

// remove ends a container and all in it. One that is gone, or about to be, is no error.
func remove(ctx context.Context, engine client.APIClient, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	_, err := engine.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("docker: remove container %.12s: %w", id, err)
}
