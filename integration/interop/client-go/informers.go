package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	kubeinformers "k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

var (
	widgets = schema.GroupVersionResource{Group: "interop.example.com", Version: "v1", Resource: "widgets"}
	secrets = corev1.SchemeGroupVersion.WithResource("secrets")
)

// informers runs a typed informer of ConfigMaps, a dynamic one of Widgets and a metadata one of Secrets. Each finds one object that
// was there before, and sees another come, change and go.
func informers(ctx context.Context, config *rest.Config, namespace string) error {
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	anything, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	metadataOnly, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	typedFactory := kubeinformers.NewSharedInformerFactoryWithOptions(typed, 0, kubeinformers.WithNamespace(namespace))
	dynamicFactory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(anything, 0, namespace, nil)
	metadataFactory := metadatainformer.NewFilteredSharedInformerFactory(metadataOnly, 0, namespace, nil)
	running := map[string]cache.SharedIndexInformer{
		"typed":    typedFactory.Core().V1().ConfigMaps().Informer(),
		"dynamic":  dynamicFactory.ForResource(widgets).Informer(),
		"metadata": metadataFactory.ForResource(secrets).Informer(),
	}

	if err := create(ctx, typed, anything, namespace, "before"); err != nil {
		return err
	}
	events := make(chan string, 100)
	for name, informer := range running {
		if _, err := informer.AddEventHandler(tell(name, events)); err != nil {
			return err
		}
	}
	typedFactory.Start(ctx.Done())
	dynamicFactory.Start(ctx.Done())
	metadataFactory.Start(ctx.Done())
	for name, informer := range running {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return fmt.Errorf("the informer %s has no cache", name)
		}
	}
	if err := all(ctx, events, "add", "before"); err != nil {
		return err
	}

	if err := create(ctx, typed, anything, namespace, "later"); err != nil {
		return err
	}
	if err := all(ctx, events, "add", "later"); err != nil {
		return err
	}
	if err := label(ctx, anything, namespace, "later"); err != nil {
		return err
	}
	if err := all(ctx, events, "update", "later"); err != nil {
		return err
	}
	if err := remove(ctx, anything, namespace, "later"); err != nil {
		return err
	}
	if err := all(ctx, events, "delete", "later"); err != nil {
		return err
	}
	for name, informer := range running {
		say(map[string]any{"informer": name, "keys": informer.GetStore().ListKeys()})
	}
	return nil
}

// tell makes a handler that puts "INFORMER EVENT NAME" into events.
func tell(informer string, events chan<- string) cache.ResourceEventHandlerFuncs {
	note := func(event string, object any) {
		if last, isLast := object.(cache.DeletedFinalStateUnknown); isLast {
			object = last.Obj
		}
		accessor, err := meta.Accessor(object)
		if err != nil {
			panic(err)
		}
		say(map[string]any{"informer": informer, "event": event, "name": accessor.GetName(), "type": fmt.Sprintf("%T", object)})
		events <- informer + " " + event + " " + accessor.GetName()
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { note("add", object) },
		UpdateFunc: func(_, object any) { note("update", object) },
		DeleteFunc: func(object any) { note("delete", object) },
	}
}

// all waits until each of the three informers saw this and nothing else.
func all(ctx context.Context, events <-chan string, event, name string) error {
	missing := map[string]bool{}
	for _, informer := range []string{"typed", "dynamic", "metadata"} {
		missing[informer+" "+event+" "+name] = true
	}
	for len(missing) > 0 {
		select {
		case seen := <-events:
			if !missing[seen] {
				return fmt.Errorf("%q while waiting for %v", seen, missing)
			}
			delete(missing, seen)
		case <-ctx.Done():
			return fmt.Errorf("never seen: %v", missing)
		}
	}
	return nil
}

func create(ctx context.Context, typed kubernetes.Interface, anything dynamic.Interface, namespace, name string) error {
	objectMeta := metav1.ObjectMeta{Name: name}
	configMap := &corev1.ConfigMap{ObjectMeta: objectMeta, Data: map[string]string{"key": "value"}}
	if _, err := typed.CoreV1().ConfigMaps(namespace).Create(ctx, configMap, metav1.CreateOptions{}); err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: objectMeta, StringData: map[string]string{"key": "value"}}
	if _, err := typed.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	widget := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": widgets.GroupVersion().String(),
		"kind":       "Widget",
		"metadata":   map[string]any{"name": name},
		"spec":       map[string]any{"size": int64(3)},
	}}
	_, err := anything.Resource(widgets).Namespace(namespace).Create(ctx, widget, metav1.CreateOptions{})
	return err
}

var resources = []schema.GroupVersionResource{corev1.SchemeGroupVersion.WithResource("configmaps"), secrets, widgets}

func label(ctx context.Context, anything dynamic.Interface, namespace, name string) error {
	patch := []byte(`{"metadata":{"labels":{"seen":"twice"}}}`)
	for _, resource := range resources {
		client := anything.Resource(resource).Namespace(namespace)
		if _, err := client.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func remove(ctx context.Context, anything dynamic.Interface, namespace, name string) error {
	for _, resource := range resources {
		if err := anything.Resource(resource).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}
