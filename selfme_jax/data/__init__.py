"""Datasets: readers that know a layout, and nothing about models."""
