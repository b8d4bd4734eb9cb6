{{/* Labels of every object, besides those that say what it belongs to. */}}
{{- define "thanos-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: thanos-operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The names of the enabled controllers, as JSON. */}}
{{- define "thanos-operator.controllers" -}}
{{- $names := list }}
{{- range $kind, $controller := .Values.controllers }}
{{- if $controller.enabled }}
{{- $names = append $names (printf "thanos-%s-controller" $kind) }}
{{- end }}
{{- end }}
{{- toJson $names }}
{{- end }}

{{/* The names of the enabled controllers that use an optional permission (`permission`), as JSON. */}}
{{- define "thanos-operator.joining" -}}
{{- $names := list }}
{{- range include "thanos-operator.controllers" .root | fromJsonArray }}
{{- $permissions := $.root.Files.Get (printf "files/permissions/%s.yaml" .) | fromYaml }}
{{- if get $permissions $.permission }}
{{- $names = append $names . }}
{{- end }}
{{- end }}
{{- toJson $names }}
{{- end }}

{{/* A Role or ClusterRole (`name`, `rules`) and its binding to `subjects`; in `namespace`, if there is one. */}}
{{- define "thanos-operator.role" -}}
{{- $prefix := ternary "" "Cluster" (hasKey . "namespace") }}
{{- range $kind := list "Role" "RoleBinding" }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}{{ $kind }}
metadata:
  name: {{ $.name }}
  {{- with $.namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "thanos-operator.labels" $.root | nindent 4 }}
    {{- with $.component }}
    app.kubernetes.io/name: {{ . }}
    {{- end }}
{{- if eq $kind "Role" }}
rules:
{{- toYaml $.rules | nindent 0 }}
{{- else }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $prefix }}Role
  name: {{ $.name }}
subjects:
{{- range $.subjects }}
- kind: ServiceAccount
  name: {{ . }}
  namespace: {{ $.subjectNamespace | default $.root.Release.Namespace }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The objects of a file (`file`) as they are, with the labels of the chart. */}}
{{- define "thanos-operator.objects" -}}
{{- range .root.Files.Get .file | splitList "\n---\n" }}
{{- $object := fromYaml . }}
{{- $labels := merge (include "thanos-operator.labels" $.root | fromYaml) ($object.metadata.labels | default dict) }}
{{- $_ := set $object.metadata "labels" $labels }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
